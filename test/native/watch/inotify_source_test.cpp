#include "watch/sources/inotify_source.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <vector>

#include "watch/temp_directory.h"

namespace lookout {
namespace {

// A hint that outlives the next read.
struct Message {
  int watch;
  Hints hints;
  std::string name;
  std::uint32_t cookie;
  bool ended;
};

class InotifySourceTest : public testing::Test {
 protected:
  int watch(const std::string& path) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const int watch = source_.watch(fd.get(), Backend::inotify);
    source_.leave_directory();
    return watch;
  }

  std::vector<Message> read() {
    std::vector<Message> messages;
    source_.read([&](const Hint& hint) {
      messages.push_back({hint.watch, hint.hints, std::string(hint.name), hint.cookie, hint.ended});
    });
    return messages;
  }

  TempDirectory home_;
  InotifySource source_;
};

TEST_F(InotifySourceTest, ReadsNothingWhereNothingChanged) {
  EXPECT_GE(watch(home_.path()), 0);
  EXPECT_TRUE(read().empty());
}

TEST_F(InotifySourceTest, TellsACreatedFileAndItsContent) {
  const int wd = watch(home_.path());
  home_.write("a", "text");
  const auto messages = read();
  ASSERT_EQ(messages.size(), 3U);
  EXPECT_EQ(messages[0].hints, hint::kCreated);
  EXPECT_EQ(messages[1].hints, hint::kWritten);
  EXPECT_EQ(messages[2].hints, hint::kClosed);
  for (const Message& message : messages) {
    EXPECT_EQ(message.watch, wd);
    EXPECT_EQ(message.name, "a");
  }
}

TEST_F(InotifySourceTest, GivesBothHalvesOfARenameOneCookie) {
  home_.directory("one");
  home_.directory("two");
  home_.write("one/a");
  const int one = watch(home_.at("one"));
  const int two = watch(home_.at("two"));
  home_.move("one/a", "two/b");
  const auto messages = read();
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[0].watch, one);
  EXPECT_EQ(messages[0].hints, hint::kMovedFrom);
  EXPECT_EQ(messages[0].name, "a");
  EXPECT_EQ(messages[1].watch, two);
  EXPECT_EQ(messages[1].hints, hint::kMovedTo);
  EXPECT_EQ(messages[1].name, "b");
  EXPECT_NE(messages[0].cookie, 0U);
  EXPECT_EQ(messages[0].cookie, messages[1].cookie);
}

TEST_F(InotifySourceTest, TellsAttributesAndDeletion) {
  home_.write("a");
  watch(home_.path());
  home_.set_mode("a", 0600);
  home_.remove("a");
  const auto messages = read();
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[0].hints, hint::kAttributes);
  EXPECT_EQ(messages[1].hints, hint::kDeleted);
}

TEST_F(InotifySourceTest, TellsTheEndOfAWatchedDirectory) {
  home_.directory("a");
  const int wd = watch(home_.at("a"));
  home_.remove("a");
  const auto messages = read();
  ASSERT_GE(messages.size(), 2U);
  EXPECT_EQ(messages.front().watch, wd);
  EXPECT_EQ(messages.front().hints, hint::kSelfGone);
  EXPECT_EQ(messages.front().name, "");
  EXPECT_TRUE(messages.back().ended);
}

TEST_F(InotifySourceTest, GivesTheSameDirectoryTheSameWatchUnderWhateverName) {
  home_.directory("a");
  const int wd = watch(home_.at("a"));
  home_.move("a", "b");
  EXPECT_EQ(watch(home_.at("b")), wd);
}

TEST_F(InotifySourceTest, TellsNothingOfLooks) {
  home_.write("a", "text");
  watch(home_.path());
  const UniqueFd fd(::open(home_.at("a").c_str(), O_RDONLY | O_CLOEXEC));
  char byte = 0;
  EXPECT_EQ(::read(fd.get(), &byte, 1), 1);
  EXPECT_TRUE(read().empty());
}

TEST_F(InotifySourceTest, TakesAllThatWasQueuedInOneReadHoweverMuch) {
  const int wd = watch(home_.path());
  // Far more than one buffer holds: names of 200 bytes, three messages each.
  constexpr int kFiles = 2000;
  const auto name = [](int i) { return std::string(200, 'n') + std::to_string(i); };
  for (int i = 0; i < kFiles; ++i) home_.write(name(i), "x");
  const auto messages = read();
  EXPECT_EQ(messages.size(), 3U * kFiles);
  EXPECT_EQ(messages.back().watch, wd);
  EXPECT_EQ(messages.back().name, name(kFiles - 1));
  EXPECT_TRUE(read().empty());
}

TEST_F(InotifySourceTest, EndsTheReadUnderSteadyChanges) {
  watch(home_.path());
  for (int i = 0; i < 2000; ++i) home_.write(std::string(200, 'n') + std::to_string(i), "x");
  home_.write("last");
  // Each message that is taken brings new ones: a reader that reads until the queue is empty
  // would never come back.
  constexpr int kFarTooMany = 30'000;
  int taken = 0;
  bool last = false;
  source_.read([&](const Hint& hint) {
    last = last || hint.name == "last";
    if (++taken < kFarTooMany) home_.write("more" + std::to_string(taken % 7));
  });
  EXPECT_TRUE(last) << "what was queued at the beginning is taken";
  EXPECT_LT(taken, kFarTooMany);
}

TEST_F(InotifySourceTest, TakesNamesOf255BytesAndOfAnyBytes) {
  watch(home_.path());
  const std::string longest(255, 'n');
  home_.write(longest);
  home_.write("a\nb\xff");
  std::vector<std::string> created;
  for (const Message& message : read()) {
    if (message.hints == hint::kCreated) created.push_back(message.name);
  }
  EXPECT_EQ(created, (std::vector<std::string>{longest, "a\nb\xff"}));
}

TEST_F(InotifySourceTest, UnwatchEndsTheMessages) {
  const int wd = watch(home_.path());
  source_.unwatch(wd);
  home_.write("a");
  const auto messages = read();
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_TRUE(messages[0].ended);
}

TEST_F(InotifySourceTest, APlaceTellsOnlyItsOwnMoveUnlessItsNamesMatter) {
  home_.directory("a");
  home_.directory("b");
  const int a = source_.watch_path(home_.at("a").c_str(), NamesIn::none);
  const int b = source_.watch_path(home_.at("b").c_str(), NamesIn::all);
  home_.write("a/x");
  home_.write("b/y");
  home_.move("a", "c");
  const auto messages = read();
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[0].watch, b);
  EXPECT_EQ(messages[0].name, "y");
  EXPECT_EQ(messages[1].watch, a);
  EXPECT_EQ(messages[1].hints, hint::kSelfGone);
}

TEST_F(InotifySourceTest, WatchingAPlaceKeepsWhatTheWatchHas) {
  const int wd = watch(home_.path());
  EXPECT_EQ(source_.watch_path(home_.path().c_str(), NamesIn::none), wd);
  home_.write("a", "text");
  EXPECT_EQ(read().size(), 3U);
}

TEST_F(InotifySourceTest, SaysWhyADirectoryCannotBeWatched) {
  home_.write("file");
  EXPECT_EQ(source_.watch_path(home_.at("missing").c_str(), NamesIn::none), -1);
  EXPECT_EQ(errno, ENOENT);
  EXPECT_EQ(source_.watch_path(home_.at("file").c_str(), NamesIn::none), -1);
  EXPECT_EQ(errno, ENOTDIR);
  EXPECT_EQ(source_.watch(-1, Backend::inotify), -1);
  EXPECT_EQ(errno, EBADF);
}

}  // namespace
}  // namespace lookout
