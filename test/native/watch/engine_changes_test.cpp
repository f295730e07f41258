// What is told of single changes (P1), and that it can be replayed (P2): every test compares the
// replayed mirror with the disk at each sync.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cstring>

#include "support/unique_fd.h"
#include "watch/engine_test.h"

namespace lookout {
namespace {

class ChangesTest : public EngineTest {
 protected:
  void SetUp() override { home_.directory("in"); }
};

TEST_F(ChangesTest, AChangeRightAfterTheWatchReplyIsReported) {
  bool live = false;
  watcher_.engine().watch({home_.at("in")}, {}, [&](Result<Done> result) {
    ASSERT_TRUE(std::holds_alternative<Done>(result));
    home_.write("in/a", "x");
    live = true;
  });
  watcher_.until("the change came", [&] { return watcher_.has_told("created file in/a"); });
  EXPECT_TRUE(live);
}

TEST_F(ChangesTest, ChangesAreToldWithoutBeingAskedFor) {
  watch({"in"});
  home_.write("in/a", "x");
  watcher_.until("creation", [&] { return watcher_.has_told("created file in/a"); });
  home_.append("in/a", "y");
  watcher_.until("writing", [&] { return watcher_.has_told("modified file in/a"); });
  home_.remove("in/a");
  watcher_.until("deletion", [&] { return watcher_.has_told("deleted file in/a"); });
}

TEST_F(ChangesTest, AWriteThroughAMappingIsToldWhenItIsClosedHoweverLateThatIs) {
  home_.write("in/mapped", "x");
  let_a_tick_pass();
  watch({"in"});
  const auto time = [&] {
    struct stat status {};
    EXPECT_EQ(::stat(home_.at("in/mapped").c_str(), &status), 0);
    return std::pair(status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
  };
  const auto before = time();
  {
    const UniqueFd file(::open(home_.at("in/mapped").c_str(), O_RDWR | O_CLOEXEC));
    void* const map = ::mmap(nullptr, 1, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    ASSERT_NE(map, MAP_FAILED);
    std::memcpy(map, "y", 1);
    let_a_tick_pass();
    home_.write("in/later");
    watcher_.sync();
    EXPECT_EQ(watcher_.told(), (Told{"created file in/later"}));
    let_a_tick_pass();
    home_.append("in/later", "x");
    watcher_.sync();
    EXPECT_EQ(watcher_.told(), (Told{"modified file in/later"}));
    ::munmap(map, 1);
  }
  if (time() == before) GTEST_SKIP() << "this file system does not keep the time of such a write";
  EXPECT_EQ(synced(), (Told{"modified file in/mapped"}));
}

TEST_F(ChangesTest, NothingIsToldWhereNothingChanged) {
  home_.write("in/a", "x");
  watch({"in"});
  EXPECT_EQ(synced(), Told{});
}

TEST_F(ChangesTest, EveryTypeOfEntryIsTold) {
  watch({"in"});
  home_.write("in/file");
  EXPECT_EQ(synced(), (Told{"created file in/file"}));
  home_.directory("in/directory");
  EXPECT_EQ(synced(), (Told{"created directory in/directory"}));
  home_.symlink("nowhere", "in/link");
  EXPECT_EQ(synced(), (Told{"created symlink in/link"}));
  ASSERT_EQ(::mkfifo(home_.at("in/pipe").c_str(), 0644), 0);
  EXPECT_EQ(synced(), (Told{"created other in/pipe"}));
}

TEST_F(ChangesTest, DirectoriesMadeWithFilesAtOnceAreToldWhole) {
  watch({"in"});
  home_.directory("in/a/b/c");
  home_.write("in/a/b/c/x", "x");
  EXPECT_EQ(synced(), (Told{"created directory in/a", "created directory in/a/b",
                            "created directory in/a/b/c", "created file in/a/b/c/x"}));
  home_.append("in/a/b/c/x", "y");
  EXPECT_EQ(synced(), (Told{"modified file in/a/b/c/x"}));
}

TEST_F(ChangesTest, ATreeIsDeletedChildrenFirst) {
  home_.directory("in/a/b");
  home_.write("in/a/b/x");
  watch({"in"});
  home_.remove("in/a");
  EXPECT_EQ(synced(),
            (Told{"deleted file in/a/b/x", "deleted directory in/a/b", "deleted directory in/a"}));
}

TEST_F(ChangesTest, WhatCameAndWentUnseenIsNotTold) {
  watch({"in"});
  home_.directory("in/a");
  home_.write("in/a/x");
  home_.remove("in/a");
  EXPECT_EQ(synced(), Told{});
}

TEST_F(ChangesTest, TwoWritesInOneTickOfTheClockAreTwoModificationsWhenSeenApart) {
  home_.write("in/a", "1");
  watch({"in"});
  for (const char* content : {"2", "3", "4"}) {
    home_.write("in/a", content);
    EXPECT_EQ(synced(), (Told{"modified file in/a"}));
  }
}

TEST_F(ChangesTest, ManyWritesBetweenTwoLooksAreOneModification) {
  home_.write("in/a", "1");
  watch({"in"});
  for (int i = 0; i < 100; ++i) home_.append("in/a", "x");
  EXPECT_EQ(synced(), (Told{"modified file in/a"}));
}

TEST_F(ChangesTest, ModeAndTimesAreAttributes) {
  home_.write("in/a", "x");
  home_.directory("in/d");
  watch({"in"});
  home_.set_mode("in/a", 0600);
  EXPECT_EQ(synced(), (Told{"attributes file in/a"}));
  const timespec times[2]{{1'700'000'000, 0}, {1'700'000'000, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, home_.at("in/a").c_str(), times, 0), 0);
  EXPECT_EQ(synced(), (Told{"attributes file in/a"}));
  home_.set_mode("in/d", 0700);
  EXPECT_EQ(synced(), (Told{"attributes directory in/d"}));
}

TEST_F(ChangesTest, ADirectoryIsNotModifiedByItsEntries) {
  home_.directory("in/d");
  watch({"in"});
  home_.write("in/d/x");
  EXPECT_EQ(synced(), (Told{"created file in/d/x"}));
  home_.remove("in/d/x");
  EXPECT_EQ(synced(), (Told{"deleted file in/d/x"}));
}

TEST_F(ChangesTest, AnAtomicSaveIsOneModification) {
  home_.write("in/a", "old");
  watch({"in"});
  age();
  home_.save("in/a", "new");
  EXPECT_EQ(synced(), (Told{"modified file in/a"}));
}

TEST_F(ChangesTest, AFileReplacedByADirectoryIsDeletedAndCreated) {
  home_.write("in/a");
  watch({"in"});
  home_.remove("in/a");
  home_.directory("in/a");
  home_.write("in/a/x");
  EXPECT_EQ(synced(), (Told{"deleted file in/a", "created directory in/a", "created file in/a/x"}));
  home_.remove("in/a");
  home_.write("in/a");
  EXPECT_EQ(synced(), (Told{"deleted file in/a/x", "deleted directory in/a", "created file in/a"}));
}

TEST_F(ChangesTest, AFileDeletedAndMadeAgainIsModifiedEvenUnderItsOldInodeNumber) {
  home_.write("in/a", "same");
  watch({"in"});
  // File systems differ in whether they use a number again at once.
  for (int i = 0; i < 20; ++i) {
    home_.remove("in/a");
    home_.write("in/a", "same");
    EXPECT_EQ(synced(), (Told{"modified file in/a"}));
  }
}

TEST_F(ChangesTest, ADirectoryDeletedAndMadeAgainIsToldWithWhatIsNewInIt) {
  home_.directory("in/d");
  home_.write("in/d/old");
  watch({"in"});
  for (int i = 0; i < 10; ++i) {
    home_.remove("in/d");
    home_.directory("in/d");
    home_.write("in/d/new" + std::to_string(i));
    const Told told = synced();
    EXPECT_NE(std::find(told.begin(), told.end(), "created file in/d/new" + std::to_string(i)),
              told.end());
    home_.write("in/d/later" + std::to_string(i));
    EXPECT_EQ(synced(), (Told{"created file in/d/later" + std::to_string(i)}));
  }
}

TEST_F(ChangesTest, AWriteThroughOneHardLinkIsToldOfEveryName) {
  home_.directory("in/d");
  home_.write("in/a", "x");
  home_.link("in/a", "in/d/b");
  home_.link("in/a", "in/c");
  watch({"in"});
  home_.append("in/d/b", "y");
  EXPECT_EQ(sorted(synced()),
            (Told{"modified file in/a", "modified file in/c", "modified file in/d/b"}));
  home_.set_mode("in/a", 0600);
  EXPECT_EQ(sorted(synced()),
            (Told{"attributes file in/a", "attributes file in/c", "attributes file in/d/b"}));
}

TEST_F(ChangesTest, ALinkRemovedLeavesTheOtherNames) {
  home_.write("in/a", "x");
  home_.link("in/a", "in/b");
  watch({"in"});
  home_.remove("in/a");
  const Told told = synced();
  EXPECT_NE(std::find(told.begin(), told.end(), "deleted file in/a"), told.end());
  home_.append("in/b", "y");
  EXPECT_EQ(synced(), (Told{"modified file in/b"}));
}

TEST_F(ChangesTest, AFileWithoutNameThatIsLinkedLaterIsToldWithWhatIsWrittenThen) {
  watch({"in"});
  const UniqueFd fd(::open(home_.at("in").c_str(), O_WRONLY | O_TMPFILE | O_CLOEXEC, 0644));
  if (!fd) GTEST_SKIP() << "this file system has no O_TMPFILE";
  const std::string unnamed = "/proc/self/fd/" + std::to_string(fd.get());
  ASSERT_EQ(
      ::linkat(AT_FDCWD, unnamed.c_str(), AT_FDCWD, home_.at("in/a").c_str(), AT_SYMLINK_FOLLOW),
      0);
  EXPECT_EQ(synced(), (Told{"created file in/a"}));
  ASSERT_EQ(::write(fd.get(), "x", 1), 1);
  EXPECT_EQ(synced(), (Told{"modified file in/a"}));
}

TEST_F(ChangesTest, LinksAreNotFollowed) {
  home_.directory("outside");
  home_.symlink("../outside", "in/link");
  watch({"in"});
  home_.write("outside/x");
  EXPECT_EQ(synced(), Told{});
}

}  // namespace
}  // namespace lookout
