// Odd names, long paths, lost hints, missing permissions and missing watches (P1, P8).
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iostream>

#include "support/unique_fd.h"
#include "watch/engine_test.h"

namespace lookout {
namespace {

class LimitsTest : public EngineTest {
 protected:
  void SetUp() override { home_.directory("in"); }

  static bool contains(const Told& told, const std::string& line) {
    return std::find(told.begin(), told.end(), line) != told.end();
  }
};

TEST_F(LimitsTest, NamesAreRawBytes) {
  watch({"in"});
  const std::string longest(255, 'n');
  for (const std::string& name :
       {std::string("new\nline"), std::string("\xff\xfe\x80"), std::string("\x01\x1b[31m"),
        std::string(" "), std::string("..."), std::string("\\"), longest}) {
    const std::string directory = "in/" + name;
    home_.directory(directory);
    home_.write(directory + '/' + name, "x");
    EXPECT_EQ(synced(),
              (Told{"created directory " + directory, "created file " + directory + '/' + name}));
    home_.append(directory + '/' + name, "y");
    EXPECT_EQ(synced(), (Told{"modified file " + directory + '/' + name}));
  }
}

TEST_F(LimitsTest, PathsMayBeLongerThanPathMax) {
  watch({"in"});
  const std::string name(200, 'd');
  std::string path = home_.at("in");
  UniqueFd at(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const auto deepen = [&](int steps) {
    for (int i = 0; i < steps; ++i) {
      ASSERT_EQ(::mkdirat(at.get(), name.c_str(), 0755), 0);
      at.reset(::openat(at.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
      path += '/' + name;
    }
  };
  const auto write_here = [&](const char* text) {
    const UniqueFd fd(::openat(at.get(), "x", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    EXPECT_EQ(::write(fd.get(), text, 1), 1);
  };
  const auto below_home = [&] { return path.substr(home_.path().size() + 1) + "/x"; };
  deepen(25);
  write_here("1");
  ASSERT_GT(path.size(), 4096U);
  EXPECT_EQ(synced().back(), "created file " + below_home());
  write_here("2");
  EXPECT_EQ(synced(), (Told{"modified file " + below_home()}));
  deepen(25);
  write_here("1");
  EXPECT_EQ(synced().back(), "created file " + below_home());
  home_.move("in/" + name, "in/moved");
  EXPECT_EQ(synced(), (Told{"renamed directory in/" + name + " -> in/moved"}));
  write_here("2");
  path.replace(home_.at("in/").size(), name.size(), "moved");
  EXPECT_EQ(synced(), (Told{"modified file " + below_home()}));
}

TEST_F(LimitsTest, ALongPathThatExistsAlreadyIsLearntWhole) {
  const std::string name(250, 'd');
  UniqueFd at(::open(home_.at("in").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(::mkdirat(at.get(), name.c_str(), 0755), 0);
    at.reset(::openat(at.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  watch({"in"});
  ASSERT_EQ(::mkdirat(at.get(), "last", 0755), 0);
  EXPECT_TRUE(synced().back().ends_with("/last"));
}

TEST_F(LimitsTest, AnOverflowIsSaidAndNothingIsLost) {
  std::ifstream limit("/proc/sys/fs/inotify/max_queued_events");
  long most = 0;
  limit >> most;
  if (most <= 0 || most > 50'000) GTEST_SKIP() << "the kernel's queue is too long to be filled";
  for (int i = 0; i < 20; ++i) home_.write("in/old" + std::to_string(i), "x");
  home_.write("in/deleted");
  watch({"in"});
  // Each file is three messages; nobody reads meanwhile.
  for (long i = 0; i < most / 3 + 1000; ++i) home_.write("in/new" + std::to_string(i), "y");
  home_.directory("in/d/e");
  home_.write("in/d/e/z");
  home_.remove("in/deleted");
  for (int i = 0; i < 20; ++i) home_.append("in/old" + std::to_string(i), "y");
  const Told told = synced();  // compares everything with the disk
  EXPECT_TRUE(contains(told, "overflow in"));
  EXPECT_TRUE(contains(told, "created file in/d/e/z"));
  EXPECT_TRUE(contains(told, "deleted file in/deleted"));
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(contains(told, "modified file in/old" + std::to_string(i)));
  }
  EXPECT_EQ(watcher_.engine().info().overflows, 1U);
  home_.write("in/d/e/later");
  EXPECT_EQ(synced(), (Told{"created file in/d/e/later"}));
}

// The listings of many directories are read ahead, and their files are stat'ed ahead.
TEST_F(LimitsTest, AnOverflowLosesNothingInATreeWhoseListingsAreReadAhead) {
  std::ifstream limit("/proc/sys/fs/inotify/max_queued_events");
  long most = 0;
  limit >> most;
  if (most <= 0 || most > 50'000) GTEST_SKIP() << "the kernel's queue is too long to be filled";
  constexpr int kMany = 150;
  const auto at = [](int directory, const char* name) {
    return "in/d" + std::to_string(directory) + '/' + name;
  };
  for (int i = 0; i < kMany; ++i) {
    home_.directory("in/d" + std::to_string(i));
    for (const char* name : {"deleted", "modified", "moved", "other", "same"})
      home_.write(at(i, name), "x");
  }
  watch({"in"});
  age();
  for (long i = 0; i < most / 3 + 1000; ++i) home_.write("in/new" + std::to_string(i), "y");
  for (int i = 0; i < kMany; ++i) {
    home_.remove(at(i, "deleted"));
    home_.append(at(i, "modified"), "y");
    home_.set_mode(at(i, "other"), 0600);
    home_.move(at(i, "moved"), at((i + kMany / 2) % kMany, "moved here"));
    home_.write(at(i, "created"));
  }
  const Told told = synced();
  EXPECT_TRUE(contains(told, "overflow in"));
  for (int i = 0; i < kMany; ++i) {
    EXPECT_TRUE(contains(told, "deleted file " + at(i, "deleted")));
    EXPECT_TRUE(contains(told, "modified file " + at(i, "modified")));
    EXPECT_TRUE(contains(told, "created file " + at(i, "created")));
    EXPECT_FALSE(contains(told, "modified file " + at(i, "same")));
  }
  home_.append(at(kMany - 1, "same"), "y");
  EXPECT_EQ(synced(), (Told{"modified file " + at(kMany - 1, "same")}));
}

TEST_F(LimitsTest, AnUnreadableDirectoryIsSaidAndToldOnceItCanBeRead) {
  if (!Unprivileged::reaches(home_.path())) GTEST_SKIP() << "only root can reach " << home_.path();
  home_.directory("in/locked");
  home_.write("in/locked/x");
  home_.set_mode("in/locked", 0);
  {
    const Unprivileged user;
    ASSERT_EQ(watcher_.watch({home_.at("in")}), std::nullopt);
    watcher_.sync();
    EXPECT_EQ(watcher_.told(), (Told{"unreadable in/locked eacces"}));
  }
  home_.set_mode("in/locked", 0755);
  {
    const Unprivileged user;
    watcher_.sync();
    EXPECT_EQ(watcher_.told(),
              (Told{"attributes directory in/locked", "created file in/locked/x"}));
  }
  home_.write("in/locked/y");
  {
    const Unprivileged user;
    watcher_.sync();
    EXPECT_EQ(watcher_.told(), (Told{"created file in/locked/y"}));
  }
}

// Many directories, in each of which something is made while "in/locked" may not be searched.
class LockedTest : public LimitsTest {
 protected:
  static constexpr int kMany = 300;  // more than are kept open

  void change_while_locked(const std::string& directory) {
    const auto below = [&](int i) { return directory + '/' + std::to_string(i); };
    for (int i = 0; i < kMany; ++i) home_.directory(below(i));
    {
      const Unprivileged user;
      ASSERT_EQ(watcher_.watch({home_.at("in")}), std::nullopt);
    }
    home_.set_mode("in/locked", 0);
    for (int i = 0; i < kMany; ++i) home_.write(below(i) + "/x");
    const Unprivileged user;
    watcher_.sync();
  }

  void expect_reported(const std::string& directory) {
    const Unprivileged user;
    watcher_.sync();
    for (int i = 0; i < kMany; ++i) {
      EXPECT_TRUE(watcher_.has_told("created file " + directory + '/' + std::to_string(i) + "/x"))
          << i;
    }
  }
};

TEST_F(LockedTest, WhatIsMadeBelowAnUnreadableDirectoryIsToldOnceItCanBeRead) {
  if (!Unprivileged::reaches(home_.path())) GTEST_SKIP() << "only root can reach " << home_.path();
  change_while_locked("in/locked");
  home_.set_mode("in/locked", 0755);
  expect_reported("in/locked");
}

TEST_F(LockedTest, WhatLeavesAnUnreadableDirectoryIsListed) {
  if (!Unprivileged::reaches(home_.path())) GTEST_SKIP() << "only root can reach " << home_.path();
  change_while_locked("in/locked/a");
  home_.move("in/locked/a", "in/free");
  home_.set_mode("in/locked", 0755);
  expect_reported("in/free");
}

TEST_F(LimitsTest, ADirectoryThatIsNewAndUnreadableIsSaid) {
  if (!Unprivileged::reaches(home_.path())) GTEST_SKIP() << "only root can reach " << home_.path();
  ASSERT_EQ(watcher_.watch({home_.at("in")}), std::nullopt);
  home_.directory("in/locked");
  home_.set_mode("in/locked", 0);
  {
    const Unprivileged user;
    watcher_.sync();
    EXPECT_EQ(watcher_.told(),
              (Told{"created directory in/locked", "unreadable in/locked eacces"}));
  }
  home_.set_mode("in/locked", 0755);
}

// A user namespace has a limit of its own on the watches of its users. In a child, since a process
// cannot leave one again.
bool put(const char* path, const std::string& text) {
  std::ofstream file(path);
  file << text << std::flush;
  return file.good();
}

bool set_watch_limit(int count) {
  return put("/proc/sys/user/max_inotify_watches", std::to_string(count));
}

bool limit_watches(int count) {
  const std::string mapping = "0 " + std::to_string(::geteuid()) + " 1";
  if (::unshare(CLONE_NEWUSER) != 0) return false;
  return put("/proc/self/uid_map", mapping) && set_watch_limit(count);
}

bool can_limit_watches() {
  const pid_t child = ::fork();
  if (child == 0) std::_Exit(limit_watches(100) ? 0 : 1);
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// The exit status of a child. What fails in one is not printed by itself.
int verdict() {
  const auto& result = *testing::UnitTest::GetInstance()->current_test_info()->result();
  for (int i = 0; i < result.total_part_count(); ++i) {
    std::cerr << result.GetTestPartResult(i).message() << '\n';
  }
  return testing::Test::HasFailure() ? 1 : 0;
}

int watch_beyond_the_limit(const TempDirectory& home) {
  if (!limit_watches(12)) return 2;
  // What is checked at in the tick of its last change may be told once more.
  let_a_tick_pass();
  Watcher watcher(home.path());
  EXPECT_EQ(watcher.watch({home.at("in")}), std::nullopt);
  watcher.mirror_from_listing({home.at("in")});
  watcher.sync();
  const Told said = watcher.told();
  EXPECT_EQ(said.size(), 1U);
  EXPECT_TRUE(said.front().starts_with("watch_limit in")) << said.front();

  for (int i = 0; i < 30; ++i) home.write("in/" + std::to_string(i) + "/new", "x");
  let_a_tick_pass();
  watcher.sync();
  watcher.expect_mirror_is_disk();
  EXPECT_EQ(watcher.told().size(), 30U);

  // A write is told once, though the files of a directory are compared at every look.
  let_a_tick_pass();
  for (int i = 0; i < 30; ++i) home.append("in/" + std::to_string(i) + "/old", "x");
  let_a_tick_pass();
  watcher.sync();
  EXPECT_EQ(watcher.told().size(), 30U);
  watcher.sync();
  EXPECT_EQ(watcher.told(), Told{});

  // And without a sync, by looking every interval.
  for (int i = 0; i < 30; ++i) home.remove("in/" + std::to_string(i) + "/new");
  watcher.until("all was told", [&] { return watcher.peek().size() == 30; });
  watcher.expect_mirror_is_disk();
  return verdict();
}

TEST_F(LimitsTest, BeyondTheWatchLimitDirectoriesArePolledAndThatIsSaid) {
  if (!can_limit_watches()) GTEST_SKIP() << "user namespaces cannot be used here";
  for (int i = 0; i < 30; ++i) {
    home_.directory("in/" + std::to_string(i));
    home_.write("in/" + std::to_string(i) + "/old", "x");
  }
  EXPECT_EXIT(std::_Exit(watch_beyond_the_limit(home_)), testing::ExitedWithCode(0), "");
}

int lose_the_root_without_watches(const TempDirectory& home) {
  if (!limit_watches(100)) return 2;
  Watcher watcher(home.path());
  EXPECT_EQ(watcher.watch({home.at("in")}), std::nullopt);
  EXPECT_TRUE(set_watch_limit(0));
  home.remove("in");
  watcher.sync();
  EXPECT_EQ(watcher.told(), (Told{"root_deleted in"}));
  home.directory("in");
  home.write("in/new");
  watcher.sync();
  EXPECT_TRUE(watcher.has_told("created file in/new"));
  return verdict();
}

TEST_F(LimitsTest, ARootThatIsMadeAgainIsNoticedWhereNoWatchesAreLeftForTheWayToIt) {
  if (!can_limit_watches()) GTEST_SKIP() << "user namespaces cannot be used here";
  EXPECT_EXIT(std::_Exit(lose_the_root_without_watches(home_)), testing::ExitedWithCode(0), "");
}

int get_watches_late(const TempDirectory& home) {
  if (!limit_watches(12)) return 2;
  let_a_tick_pass();
  Watcher watcher(home.path());
  watcher.engine().set({.poll_interval = 3'600'000});
  EXPECT_EQ(watcher.watch({home.at("in")}, {.gitignore = true}), std::nullopt);
  EXPECT_GT(watcher.engine().info().polled, 0U);
  watcher.told();

  // The rules show an entry of each directory: all of them are listed, and get a watch by that.
  EXPECT_TRUE(set_watch_limit(1000));
  for (int i = 0; i < 30; ++i) home.append("in/" + std::to_string(i) + "/old", "x");
  home.remove("in/.gitignore");
  for (int i = 0; i < 30; ++i) {
    const std::string shown = "created file in/" + std::to_string(i) + "/shown";
    watcher.until(shown, [&] { return watcher.has_told(shown); });
  }
  EXPECT_EQ(watcher.engine().info().polled, 0U);
  watcher.sync();
  for (int i = 0; i < 30; ++i) {
    EXPECT_TRUE(watcher.has_told("modified file in/" + std::to_string(i) + "/old")) << i;
  }
  return verdict();
}

TEST_F(LimitsTest, WhatChangedInAPolledDirectoryIsToldWhenItGetsAWatchAfterAll) {
  if (!can_limit_watches()) GTEST_SKIP() << "user namespaces cannot be used here";
  home_.write("in/.gitignore", "shown\n");
  for (int i = 0; i < 30; ++i) {
    home_.directory("in/" + std::to_string(i));
    home_.write("in/" + std::to_string(i) + "/old", "x");
    home_.write("in/" + std::to_string(i) + "/shown", "x");
  }
  EXPECT_EXIT(std::_Exit(get_watches_late(home_)), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace lookout
