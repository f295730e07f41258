#include "watch/sources/fanotify_source.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "watch/allocated_bytes.h"
#include "watch/engine_test.h"

namespace lookout {
namespace {

// A hint that outlives the next read.
struct Message {
  int watch;
  Hints hints;
  std::string name;
  std::uint32_t cookie;
  bool ended;
  bool overflow;
};

class FanotifySourceTest : public testing::Test {
 protected:
  void SetUp() override {
    try {
      source_ = std::make_unique<FanotifySource>();
    } catch (const std::system_error& error) {
      GTEST_SKIP() << "fanotify cannot be used here: " << error.what();
    }
  }

  int watch(const std::string& path) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return source_->watch(fd.get(), Backend::fanotify);
  }

  std::vector<Message> read() {
    std::vector<Message> messages;
    source_->read([&](const Hint& hint) {
      messages.push_back(
          {hint.watch, hint.hints, std::string(hint.name), hint.cookie, hint.ended, hint.overflow});
    });
    return messages;
  }

  TempDirectory home_;
  std::unique_ptr<FanotifySource> source_;
};

TEST_F(FanotifySourceTest, TellsOfWatchedDirectoriesAlone) {
  home_.directory("a");
  home_.directory("b");
  const int a = watch(home_.at("a"));
  ASSERT_LE(a, FanotifySource::kFirst);
  EXPECT_EQ(watch(home_.at("a")), a);
  home_.write("b/x", "text");
  home_.write("a/new\nline", "text");
  Hints hints = 0;
  for (const Message& message : read()) {
    EXPECT_EQ(message.watch, a);
    EXPECT_EQ(message.name, "new\nline");
    hints |= message.hints;
  }
  EXPECT_EQ(hints, hint::kCreated | hint::kWritten | hint::kClosed);
  source_->unwatch(a);
  home_.write("a/y");
  EXPECT_TRUE(read().empty());
}

TEST_F(FanotifySourceTest, GivesBothHalvesOfARenameOneCookie) {
  home_.directory("a");
  home_.directory("b");
  home_.write("a/x");
  const int a = watch(home_.at("a"));
  const int b = watch(home_.at("b"));
  home_.move("a/x", "b/y");
  const auto messages = read();
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[0].watch, a);
  EXPECT_EQ(messages[0].name, "x");
  EXPECT_EQ(messages[0].hints, hint::kMovedFrom);
  EXPECT_EQ(messages[1].watch, b);
  EXPECT_EQ(messages[1].name, "y");
  EXPECT_EQ(messages[1].hints, hint::kMovedTo);
  EXPECT_EQ(messages[0].cookie, messages[1].cookie);
  EXPECT_NE(messages[0].cookie, 0U);
}

TEST_F(FanotifySourceTest, TheEndOfADirectoryEndsItsWatch) {
  home_.directory("a");
  const int a = watch(home_.at("a"));
  home_.remove("a");
  bool ended = false;
  for (const Message& message : read()) ended = ended || (message.watch == a && message.ended);
  EXPECT_TRUE(ended);
  home_.directory("a");
  EXPECT_LE(watch(home_.at("a")), FanotifySource::kFirst);
  home_.write("a/x");
  EXPECT_FALSE(read().empty());
}

TEST_F(FanotifySourceTest, TellsThatTheQueueOverflowed) {
  watch(home_.path());
  for (int i = 0; i < 17'000; ++i) home_.write(std::to_string(i));
  bool overflow = false;
  while (!overflow) {
    const auto messages = read();
    ASSERT_FALSE(messages.empty());
    for (const Message& message : messages) overflow = overflow || message.overflow;
  }
}

class FanotifyTest : public EngineTest {
 protected:
  void SetUp() override {
    if (make_hint_source()->start(Backend::fanotify) != 0) {
      GTEST_SKIP() << "fanotify cannot be used here";
    }
    home_.directory("in/sub");
    home_.write("in/old", "x");
    let_a_tick_pass();
  }
};

TEST_F(FanotifyTest, TellsWhatInotifyTells) {
  watch({"in"}, {.backend = Backend::fanotify});
  EXPECT_EQ(watcher_.engine().info().roots.at(0).second, "fanotify");
  home_.directory("in/made/deep");
  home_.write("in/made/deep/file", "x");
  home_.append("in/old", "y");
  EXPECT_EQ(sorted(synced()), (Told{"created directory in/made", "created directory in/made/deep",
                                    "created file in/made/deep/file", "modified file in/old"}));
  home_.move("in/made", "in/sub/moved");
  EXPECT_EQ(synced(), Told{"renamed directory in/made -> in/sub/moved"});
  home_.set_mode("in/sub/moved/deep", 0700);
  EXPECT_EQ(synced(), Told{"attributes directory in/sub/moved/deep"});
  home_.remove("in/sub/moved/deep");
  EXPECT_EQ(synced(),
            (Told{"deleted file in/sub/moved/deep/file", "deleted directory in/sub/moved/deep"}));
}

TEST_F(FanotifyTest, ChangesAreToldWithoutBeingAskedFor) {
  watch({"in"}, {.backend = Backend::fanotify});
  home_.write("in/sub/new");
  watcher_.until("it was told", [&] { return watcher_.has_told("created file in/sub/new"); });
}

TEST_F(FanotifyTest, P8WithoutThePrivilegeThatIsSaid) {
  ::chmod(home_.path().c_str(), 0755);
  if (!Unprivileged::reaches(home_.path())) GTEST_SKIP() << "another user cannot get there";
  const Unprivileged unprivileged;
  Watcher watcher(home_.path());
  const auto error = watcher.watch({home_.at("in")}, {.backend = Backend::fanotify});
  ASSERT_TRUE(error);
  EXPECT_EQ(error->reason, "eperm");
  EXPECT_NE(error->detail.find("CAP_SYS_ADMIN"), std::string::npos) << error->detail;
}

TEST_F(FanotifyTest, MemoryDoesNotGrowWithOverflows) {
  constexpr int kDirectories = 5'000;
  constexpr int kRenames = 17'000;  // more than the queue holds
  constexpr std::uint64_t kCycles = 6;
  ASSERT_EQ(watcher_.watch({home_.at("in")}, {.backend = Backend::fanotify}), std::nullopt);
  const auto directory = [](int i) { return "in/sub/" + std::to_string(i); };
  // The buffers of a step are freed by the next one, which a change causes.
  const auto in_use = [this] {
    watcher_.sync();
    home_.append("in/old", "y");
    watcher_.sync();
    watcher_.told();
    return allocated_bytes();
  };
  std::vector<std::size_t> full;
  std::vector<std::size_t> empty{in_use()};
  for (std::uint64_t cycle = 0; cycle < kCycles; ++cycle) {
    for (int i = 0; i < kDirectories; ++i) home_.directory(directory(i));
    full.push_back(in_use());
    ASSERT_GT(watcher_.engine().info().directories, static_cast<std::uint64_t>(kDirectories));
    std::string name = "in/old";
    for (int i = 0; i < kRenames; ++i) {
      const std::string next = "in/name" + std::to_string(i);
      home_.move(name, next);
      name = next;
    }
    home_.move(name, "in/old");
    for (int i = 0; i < kDirectories; ++i) home_.remove(directory(i));
    empty.push_back(in_use());
    ASSERT_GT(watcher_.engine().info().overflows, cycle);
    ASSERT_EQ(watcher_.engine().info().directories, 2U);
  }
  // Every process that changes the file system fills the queue, so buffers may grow in any cycle.
  // They do not grow by what a cycle creates and deletes.
  const std::size_t early = *std::min_element(empty.begin() + 1, empty.begin() + 4);
  const std::size_t late = *std::min_element(empty.end() - 3, empty.end());
  EXPECT_LT(late, early + (full[0] - empty[0]))
      << "full: " << testing::PrintToString(full) << ", empty: " << testing::PrintToString(empty);
}

}  // namespace
}  // namespace lookout
