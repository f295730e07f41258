// Events of files that wait until their writers are done.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "support/unique_fd.h"
#include "watch/disk/writers.h"
#include "watch/engine_test.h"

namespace lookout {
namespace {

constexpr std::uint32_t kLong = 3'600'000;

class AwaitTest : public EngineTest {
 protected:
  void SetUp() override {
    std::signal(SIGIO, SIG_IGN);  // writers_of() may cause one
    home_.directory("in/sub");
    home_.write("in/old", "x");
    let_a_tick_pass();
    watch({"in"}, {.await = kLong});
  }

  UniqueFd open_to_write(const std::string& name) {
    UniqueFd fd(::open(home_.at(name).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    EXPECT_TRUE(fd);
    return fd;
  }

  // Like synced(), but does not compare the mirror with the disk: a file that waits for its writers
  // is on the disk only.
  Told told_now() {
    watcher_.sync();
    return watcher_.told();
  }
};

TEST_F(AwaitTest, ANewFileIsToldWhenItsWriterHasClosedIt) {
  UniqueFd writer = open_to_write("in/new");
  EXPECT_EQ(told_now(), Told{});
  ASSERT_EQ(::write(writer.get(), "half", 4), 4);
  EXPECT_EQ(told_now(), Told{});
  writer.reset();
  EXPECT_EQ(synced(), (Told{"created file in/new"}));
}

TEST_F(AwaitTest, AKnownFileIsToldAsModifiedWhenTheLastOfItsWritersHasClosedIt) {
  UniqueFd one = open_to_write("in/old");
  UniqueFd other = open_to_write("in/old");
  ASSERT_EQ(::write(one.get(), "half", 4), 4);
  one.reset();
  EXPECT_EQ(told_now(), Told{});
  other.reset();
  EXPECT_EQ(synced(), (Told{"modified file in/old"}));
}

TEST_F(AwaitTest, AFileThatIsMappedWritableHasAWriter) {
  UniqueFd writer = open_to_write("in/old");
  ASSERT_EQ(::write(writer.get(), "text", 4), 4);
  void* const map = ::mmap(nullptr, 4, PROT_READ | PROT_WRITE, MAP_SHARED, writer.get(), 0);
  ASSERT_NE(map, MAP_FAILED);
  writer.reset();
  EXPECT_EQ(told_now(), Told{});
  ::munmap(map, 4);
  // No hint tells the end of a mapping.
  watcher_.until("it was told", [&] { return watcher_.has_told("modified file in/old"); });
}

TEST_F(AwaitTest, AFileThatIsRenamedWhileItIsWrittenIsToldUnderItsLastName) {
  UniqueFd writer = open_to_write("in/new.part");
  EXPECT_EQ(told_now(), Told{});
  home_.move("in/new.part", "in/sub/new");
  EXPECT_EQ(told_now(), Told{});
  writer.reset();
  EXPECT_EQ(synced(), (Told{"created file in/sub/new"}));
}

TEST_F(AwaitTest, AKnownFileIsRenamedAtOnceThoughItHasAWriter) {
  UniqueFd writer = open_to_write("in/old");
  ASSERT_EQ(::write(writer.get(), "half", 4), 4);
  home_.move("in/old", "in/sub/old");
  EXPECT_EQ(told_now(), (Told{"renamed file in/old -> in/sub/old"}));
  writer.reset();
  EXPECT_EQ(synced(), (Told{"modified file in/sub/old"}));
}

TEST_F(AwaitTest, AFileThatIsGoneBeforeItWasClosedIsNeverTold) {
  UniqueFd writer = open_to_write("in/new");
  EXPECT_EQ(told_now(), Told{});
  home_.remove("in/new");
  writer.reset();
  EXPECT_EQ(synced(), Told{});
}

TEST_F(AwaitTest, AFileReplacedByOneThatIsBeingWrittenIsGoneUntilThatIsClosed) {
  home_.directory("outside");
  UniqueFd writer = open_to_write("outside/new");
  home_.move("outside/new", "in/old");
  EXPECT_EQ(told_now(), (Told{"deleted file in/old"}));
  writer.reset();
  EXPECT_EQ(synced(), (Told{"created file in/old"}));
}

TEST_F(AwaitTest, FilesInANewDirectoryAreWaitedForToo) {
  home_.directory("outside/moved");
  UniqueFd writer = open_to_write("outside/moved/new");
  home_.write("outside/moved/done", "x");
  home_.move("outside/moved", "in/moved");
  EXPECT_EQ(sorted(told_now()), (Told{"created directory in/moved", "created file in/moved/done"}));
  writer.reset();
  EXPECT_EQ(synced(), (Told{"created file in/moved/new"}));
}

TEST_F(AwaitTest, ReadersAreNotWaitedFor) {
  const UniqueFd reader(::open(home_.at("in/old").c_str(), O_RDONLY | O_CLOEXEC));
  home_.append("in/old", "y");
  EXPECT_EQ(synced(), (Told{"modified file in/old"}));
}

TEST_F(AwaitTest, WhatStoodThereBeforeTheWatchIsListedThoughItHasAWriter) {
  const UniqueFd writer = open_to_write("in/new");
  ASSERT_EQ(watcher_.unwatch(home_.at("in")), std::nullopt);
  watcher_.sync();
  ASSERT_EQ(watcher_.watch({home_.at("in")}, {.await = kLong}), std::nullopt);
  EXPECT_EQ(watcher_.list(home_.at("in")).entries.size(), 3U);
}

TEST_F(AwaitTest, NothingWaitsLongerThanTheLongestHold) {
  home_.directory("other");
  Watcher impatient(home_.path());
  ASSERT_EQ(impatient.watch({home_.at("other")}, {.await = 1}), std::nullopt);
  const UniqueFd writer = open_to_write("other/new");
  impatient.until("it was told", [&] { return impatient.has_told("created file other/new"); });
}

TEST_F(AwaitTest, ASyncTellsWhatNobodyWritesAnyMoreThoughNoHintSaidSo) {
  home_.directory("out");
  home_.link("in/old", "out/other");
  UniqueFd writer = open_to_write("out/other");
  home_.append("in/old", "y");
  EXPECT_EQ(told_now(), Told{});
  writer.reset();
  EXPECT_EQ(synced(), (Told{"modified file in/old"}));
}

TEST(WritersTest, ALeaseTellsWhetherAFileHasWriters) {
  TempDirectory home;
  home.write("file", "x");
  const UniqueFd directory(::open(home.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  EXPECT_EQ(writers_of(directory.get(), "file"), Writers::none);
  const UniqueFd writer(::open(home.at("file").c_str(), O_WRONLY | O_CLOEXEC));
  EXPECT_EQ(writers_of(directory.get(), "file"), Writers::some);
  EXPECT_EQ(writers_of(directory.get(), "missing"), Writers::unknown);
}

TEST(WritersTest, AFileOfAnotherUserIsUnknown) {
  TempDirectory home;
  if (!Unprivileged::reaches(home.path())) GTEST_SKIP() << "only root can reach " << home.path();
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make files of several users";
  home.write("file", "x");
  home.set_mode("file", 0644);
  const UniqueFd directory(::open(home.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const Unprivileged user;
  EXPECT_EQ(writers_of(directory.get(), "file"), Writers::unknown);
}

}  // namespace
}  // namespace lookout
