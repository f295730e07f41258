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
    } else if (const auto* omitted = std::get_if<OmittedNotice>(&notice)) {
      lines.push_back(std::to_string(omitted->count) + " omitted at " + omitted->dir);
    } else if (const auto* unreadable = std::get_if<UnreadableNotice>(&notice)) {
      lines.push_back("unreadable");
      bytes += unreadable->dir.size();
    }
  }
  bool has_room() const override { return room; }

  std::vector<std::string> lines;
  std::size_t bytes = 0;  // of the paths of unreadable directories
  bool room = true;
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

// The owner takes a batch without credit for a fault of the program.
TEST_F(BatcherTest, ABatchThatFollowsTheOneForTheLastCreditWaitsForTheNextGrant) {
  batcher.grant(1);
  batcher.add(deleted("/a/x"));
  batcher.add(RootDeletedNotice{"/a"});
  batcher.add(RootCreatedNotice{"/a"});
  batcher.add(created("/a/y"));
  batcher.flush();
  EXPECT_EQ(recorder.lines,
            (std::vector<std::string>{"1: /a/x", "root deleted /a", "root created /a"}));
  EXPECT_TRUE(batcher.withholds());
  batcher.grant(2);
  EXPECT_FALSE(batcher.withholds());
  batcher.flush();
  EXPECT_EQ(recorder.lines,
            (std::vector<std::string>{"1: /a/x", "root deleted /a", "root created /a", "2: /a/y"}));
  EXPECT_EQ(batcher.credit(), 1U);
}

// P3: the credit bounds the bytes of the paths that are outstanding, however long a path is.
TEST_F(BatcherTest, ABatchCostsACreditForEach256KiBOfPaths) {
  constexpr std::size_t kCredit = 256UL * 1024;
  batcher.grant(8);
  add(created("/" + std::string(2 * kCredit - 2, 'x')));
  batcher.flush();
  EXPECT_EQ(batcher.credit(), 7U);
  add(created("/" + std::string(2 * kCredit - 1, 'x')));
  batcher.flush();
  EXPECT_EQ(batcher.credit(), 5U);
  add({Change::renamed, EntryType::file, std::string(kCredit, 'x'), std::string(kCredit, 'y')});
  batcher.flush();
  EXPECT_EQ(batcher.credit(), 3U);
}

TEST_F(BatcherTest, ABatchThatCostsMoreThanTheCreditIsPaidByTheNextGrants) {
  batcher.grant(1);
  add(created(std::string(5UL * 256 * 1024, 'x')));
  batcher.flush();
  EXPECT_EQ(recorder.lines.size(), 1U);
  batcher.grant(4);
  EXPECT_FALSE(batcher.has_credit());
  batcher.grant(2);
  EXPECT_EQ(batcher.credit(), 2U);
}

TEST_F(BatcherTest, ABatchThatWasBegunBeforeTheCreditWasRevokedCostsNone) {
  batcher.grant(1);
  add(created("/a"));
  batcher.revoke();
  batcher.flush();
  EXPECT_EQ(recorder.lines, (std::vector<std::string>{"1: /a"}));
  batcher.grant(1);
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

// P3, P7: whoever makes directories decides how long the paths of notices are.
TEST_F(BatcherTest, NoticesThatWaitAreBoundedInBytes) {
  const std::string deep = "/a/" + std::string(100'000, 'x');
  for (int i = 0; i < 1'000; ++i) batcher.add(UnreadableNotice{deep + std::to_string(i), "eacces"});
  batcher.grant(1);
  batcher.flush();
  EXPECT_LT(recorder.bytes, 1'500'000U);
  const std::size_t sent = recorder.lines.size() - 1;
  EXPECT_GT(sent, 5U);
  EXPECT_EQ(recorder.lines.back(), std::to_string(1'000 - sent) + " omitted at /a");
  batcher.add(UnreadableNotice{"/b", "eacces"});
  batcher.flush();
  EXPECT_EQ(recorder.lines.back(), "unreadable");
}

TEST_F(BatcherTest, ShortNoticesThatWaitAreBoundedInNumber) {
  for (int i = 0; i < 100'000; ++i) batcher.add(PolledNotice{"/" + std::to_string(i), "nfs"});
  batcher.grant(1);
  batcher.flush();
  ASSERT_EQ(recorder.lines.size(), 1U);
  EXPECT_TRUE(recorder.lines.back().ends_with(" omitted at /"));
}

TEST_F(BatcherTest, OmittedNoticesNameTheDirectoryOfAllOfThem) {
  const auto omitted = [this](const std::vector<std::string>& paths) {
    batcher.revoke();
    batcher.add(UnwatchedNotice{"/" + std::string(1024UL * 1024, 'x'), "proc"});
    for (const std::string& path : paths) batcher.add(WatchLimitNotice{path});
    batcher.grant(1);
    batcher.flush();
    return recorder.lines.empty() ? "" : recorder.lines.back();
  };
  EXPECT_EQ(omitted({"/a/b/c"}), "1 omitted at /a/b/c");
  EXPECT_EQ(omitted({"/a/b", "/a/b"}), "2 omitted at /a/b");
  EXPECT_EQ(omitted({"/a/b/c", "/a/b/d"}), "2 omitted at /a/b");
  EXPECT_EQ(omitted({"/a/bc", "/a/bd"}), "2 omitted at /a");
  EXPECT_EQ(omitted({"/a/b", "/a"}), "2 omitted at /a");
  EXPECT_EQ(omitted({"/a", "/a/b"}), "2 omitted at /a");
  EXPECT_EQ(omitted({"/a/b", "/ab"}), "2 omitted at /");
  EXPECT_EQ(omitted({"/", "/a"}), "2 omitted at /");
  std::string deep;
  while (deep.size() < 10'000) deep += "/" + std::string(99, 'x');
  EXPECT_EQ(omitted({deep}), "1 omitted at " + deep.substr(0, 4000));
  EXPECT_EQ(omitted({deep, deep + "/y"}), "2 omitted at " + deep.substr(0, 4000));
}

// What a root's last notice says is its state.
TEST_F(BatcherTest, NoticesAboutRootsAreNeverOmitted) {
  batcher.add(UnreadableNotice{"/" + std::string(1024UL * 1024, 'x'), "eacces"});
  batcher.add(RootDeletedNotice{"/a"});
  batcher.add(UnreadableNotice{"/b", "eacces"});
  batcher.grant(1);
  batcher.flush();
  EXPECT_EQ(recorder.lines,
            (std::vector<std::string>{"unreadable", "root deleted /a", "1 omitted at /b"}));
}

// The output of lookout_port is not read for a while.
TEST_F(BatcherTest, NothingIsSentUntilTheListenerHasRoom) {
  batcher.grant(Engine::kUnlimited);
  recorder.room = false;
  batcher.add(UnreadableNotice{"/a", "eacces"});
  batcher.flush();
  EXPECT_EQ(recorder.lines, std::vector<std::string>{});
  EXPECT_TRUE(batcher.withholds());
  EXPECT_FALSE(batcher.withholds_batch());
  batcher.add(created("/b"));
  batcher.add(RootDeletedNotice{"/c"});
  batcher.add(RootCreatedNotice{"/c"});
  batcher.flush();
  EXPECT_EQ(recorder.lines, std::vector<std::string>{});
  EXPECT_TRUE(batcher.withholds_batch());
  recorder.room = true;
  EXPECT_FALSE(batcher.withholds());
  batcher.flush();
  EXPECT_EQ(recorder.lines, (std::vector<std::string>{"unreadable", "1: /b"}));
}

}  // namespace
}  // namespace lookout
