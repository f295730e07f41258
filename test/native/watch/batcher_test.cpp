// Batches and notices in order.
#include "watch/batcher.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace lookout {
namespace {

// Writes down what it receives: a line for each batch, with its paths, and for each notice.
class Recorder final : public Listener {
 public:
  void on_events(std::uint64_t seq, const std::vector<Event>& events) override {
    std::string line = std::to_string(seq) + ":";
    for (const Event& event : events) line += " " + event.path;
    lines.push_back(line);
  }
  void on_notice(Notice notice) override {
    if (const auto* deleted = std::get_if<RootDeletedNotice>(&notice)) {
      lines.push_back("root deleted " + deleted->dir);
    } else if (const auto* created = std::get_if<RootCreatedNotice>(&notice)) {
      lines.push_back("root created " + created->dir);
    }
  }
  bool has_room() const override { return true; }

  std::vector<std::string> lines;
};

class BatcherTest : public testing::Test {
 protected:
  // As the engine does: sends what is due before it adds.
  void add(Event event) {
    flush_if_due();
    batcher.add(std::move(event));
  }
  void add(Notice notice) {
    flush_if_due();
    batcher.add(std::move(notice));
  }
  void flush_if_due() {
    if (batcher.is_due()) batcher.flush();
  }
  static Event deleted(const std::string& path) {
    return {Change::deleted, EntryType::file, path, {}};
  }
  static Event created(const std::string& path) {
    return {Change::created, EntryType::file, path, {}};
  }

  Recorder recorder;
  Batcher batcher{recorder};
};

TEST_F(BatcherTest, DeletionsOfManyRootsAreOneBatch) {
  batcher.grant(Engine::kUnlimited);
  for (const char* path : {"/a", "/b", "/c"}) {
    add(deleted(path));
    add(RootDeletedNotice{path});
  }
  batcher.flush();
  EXPECT_EQ(recorder.lines, (std::vector<std::string>{"1: /a /b /c", "root deleted /a",
                                                      "root deleted /b", "root deleted /c"}));
}

TEST_F(BatcherTest, ANoticeThatARootIsCreatedComesBeforeItsEntries) {
  batcher.grant(Engine::kUnlimited);
  add(deleted("/a/x"));
  add(RootDeletedNotice{"/a"});
  add(RootCreatedNotice{"/a"});
  add(created("/a/y"));
  batcher.flush();
  EXPECT_EQ(recorder.lines,
            (std::vector<std::string>{"1: /a/x", "root deleted /a", "root created /a", "2: /a/y"}));
}

TEST_F(BatcherTest, ABatchThatIsSplitWithoutCreditIsPaidByTheNextGrant) {
  batcher.grant(1);
  batcher.add(deleted("/a/x"));
  batcher.add(RootDeletedNotice{"/a"});
  batcher.add(RootCreatedNotice{"/a"});
  batcher.add(created("/a/y"));
  batcher.flush();
  EXPECT_EQ(recorder.lines,
            (std::vector<std::string>{"1: /a/x", "root deleted /a", "root created /a", "2: /a/y"}));
  batcher.grant(2);
  EXPECT_EQ(batcher.credit(), 1U);
}

TEST_F(BatcherTest, NoticesThatWaitForCreditPrecedeTheNextBatch) {
  batcher.grant(1);
  batcher.add(deleted("/a"));
  batcher.flush();
  batcher.add(RootDeletedNotice{"/a"});
  batcher.flush();
  EXPECT_TRUE(batcher.withholds());
  batcher.grant(1);
  batcher.add(deleted("/b"));
  batcher.add(RootDeletedNotice{"/b"});
  batcher.flush();
  EXPECT_EQ(recorder.lines,
            (std::vector<std::string>{"1: /a", "root deleted /a", "2: /b", "root deleted /b"}));
}

TEST_F(BatcherTest, NoticesAloneAreSentBeforeTheyAreMany) {
  batcher.grant(Engine::kUnlimited);
  int added = 0;
  while (!batcher.is_due() && added < 10'000) {
    batcher.add(RootDeletedNotice{"/" + std::to_string(added++)});
  }
  EXPECT_LT(added, 1'000);
}

}  // namespace
}  // namespace lookout
