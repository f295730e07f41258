// A mount whose server stops answering holds up nothing else (P5), is said to do so (P8), and what
// is on it is told as it is once it answers again (P1, P2).
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <climits>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "watch/engine_test.h"
#include "watch/hung_mount.h"
#include "watch/own_mounts.h"

namespace lookout {
namespace {

bool has_deletions(const Told& told) {
  return std::any_of(told.begin(), told.end(),
                     [](const std::string& line) { return line.starts_with("deleted "); });
}

class HungMountTest : public OwnMountsTest {
 protected:
  // Runs `body` with a mount at `place`, beside or below the directory "local".
  template <class Body>
  void with_mount(const std::string& place, Body body) {
    home_.directory("local/deep");
    home_.write("local/deep/file");
    home_.directory(place);
    apart([&] {
      auto mount = std::make_unique<HungMount>(home_.at(place));
      if (!mount->mounted()) {
        std::cerr << "there is no FUSE here\n";
        std::_Exit(0);
      }
      Watcher watcher(home_.path());
      watcher.engine().set({{}, {}, 50});
      body(*mount, watcher);
      mount.reset();  // before the watcher: what waits for it ends
    });
  }

  void watch(Watcher& watcher, const std::vector<std::string>& names,
             const WatchOptions& options = {}) {
    std::vector<std::string> paths;
    for (const std::string& name : names) paths.push_back(home_.at(name));
    ASSERT_EQ(watcher.watch(paths, options), std::nullopt);
    listed_ = paths;
  }

  // Holds the calls on a mount that was listed, and waits until that is said of `path`.
  void hang(HungMount& mount, Watcher& watcher, const std::string& path) {
    watcher.told();
    mount.hold();
    until_said(watcher, path);
    EXPECT_TRUE(mount.holds_calls());
  }

  static void until_said(Watcher& watcher, const std::string& path) {
    const std::string line = "unreadable " + path + " etimedout";
    watcher.until(line, [&] { return watcher.has_told(line); });
  }

  // What stands on local file systems is told, and requests are answered, while the mount hangs.
  void expect_not_held_up(HungMount& mount, Watcher& watcher, const std::string& name) {
    home_.write("local/" + name);
    const std::string line = "created file local/" + name;
    watcher.until(line, [&] { return watcher.has_told(line); });
    home_.append("local/" + name, "x");
    watcher.sync();
    EXPECT_TRUE(watcher.has_told("modified file local/" + name));
    EXPECT_EQ(watcher.list(std::nullopt, true).error, std::nullopt);
    EXPECT_FALSE(watcher.engine().info().roots.empty());
    EXPECT_TRUE(mount.holds_calls()) << "it must not have answered";
  }

  // The mount answers: what differs by now is told, and the mirror is the disk.
  void expect_looked_at_again(HungMount& mount, Watcher& watcher, const std::string& place) {
    mount.add_file();
    mount.release();
    const std::string line = "created file " + place + "/new";
    watcher.until(line, [&] { return watcher.has_told(line); });
    watcher.sync();
    if (watcher.mirrors()) watcher.expect_mirror_is_disk();
  }

  static auto said(Watcher& watcher) {
    return std::count_if(watcher.peek().begin(), watcher.peek().end(),
                         [](const std::string& line) { return line.starts_with("unreadable "); });
  }

  std::vector<std::string> listed_;
};

TEST_F(HungMountTest, ARootBesideAHungOneIsToldAndRequestsAreAnswered) {
  with_mount("remote", [&](HungMount& mount, Watcher& watcher) {
    watch(watcher, {"local", "remote"});
    watcher.mirror_from_listing(listed_);
    hang(mount, watcher, "remote");
    expect_not_held_up(mount, watcher, "x");
    expect_not_held_up(mount, watcher, "y");
    EXPECT_EQ(said(watcher), 1) << testing::PrintToString(watcher.peek());
    expect_looked_at_again(mount, watcher, "remote");
    EXPECT_FALSE(has_deletions(watcher.told()));
  });
}

TEST_F(HungMountTest, ALocalRootWithAHungMountBelowItIsTold) {
  with_mount("local/deep/mnt", [&](HungMount& mount, Watcher& watcher) {
    watch(watcher, {"local"});
    watcher.mirror_from_listing(listed_);
    hang(mount, watcher, "local/deep/mnt");
    expect_not_held_up(mount, watcher, "x");
    home_.write("local/deep/beside");
    watcher.sync();
    EXPECT_TRUE(watcher.has_told("created file local/deep/beside"));
    EXPECT_EQ(said(watcher), 1) << testing::PrintToString(watcher.peek());
    expect_looked_at_again(mount, watcher, "local/deep/mnt");
    EXPECT_FALSE(has_deletions(watcher.told()));
  });
}

TEST_F(HungMountTest, WhatWentWhileItHungIsToldWhenItAnswers) {
  with_mount("remote", [&](HungMount& mount, Watcher& watcher) {
    watch(watcher, {"local", "remote"});
    watcher.mirror_from_listing(listed_);
    hang(mount, watcher, "remote");
    mount.remove_directory();
    expect_not_held_up(mount, watcher, "x");
    expect_looked_at_again(mount, watcher, "remote");
    EXPECT_TRUE(watcher.has_told("deleted file remote/d/g"));
    EXPECT_TRUE(watcher.has_told("deleted directory remote/d"));
    // And when it hangs once more that is said once more.
    hang(mount, watcher, "remote");
    expect_not_held_up(mount, watcher, "y");
  });
}

TEST_F(HungMountTest, ARootThatHangsFromTheStartIsToldWhenItAnswers) {
  with_mount("remote", [&](HungMount& mount, Watcher& watcher) {
    mount.hold();
    watch(watcher, {"local", "remote"});
    EXPECT_TRUE(mount.holds_calls());
    until_said(watcher, "remote");
    expect_not_held_up(mount, watcher, "x");
    EXPECT_EQ(said(watcher), 1) << testing::PrintToString(watcher.peek());
    expect_looked_at_again(mount, watcher, "remote");
    EXPECT_TRUE(watcher.has_told("created file remote/d/g"));
  });
}

TEST_F(HungMountTest, AMountBelowARootThatHangsFromTheStartIsToldWhenItAnswers) {
  with_mount("local/deep/mnt", [&](HungMount& mount, Watcher& watcher) {
    mount.hold();
    watch(watcher, {"local"});
    until_said(watcher, "local/deep/mnt");
    expect_not_held_up(mount, watcher, "x");
    EXPECT_EQ(said(watcher), 1) << testing::PrintToString(watcher.peek());
    expect_looked_at_again(mount, watcher, "local/deep/mnt");
    EXPECT_TRUE(watcher.has_told("created file local/deep/mnt/d/g"));
  });
}

TEST_F(HungMountTest, WhereverInACrawlItHangsTheTreeIsRightInTheEnd) {
  for (const int calls : {1, 2, 3, 5, 8, 11, 14, 18}) {
    SCOPED_TRACE(calls);
    with_mount("local/deep/mnt", [&](HungMount& mount, Watcher& watcher) {
      mount.hold_after(calls);
      WatchOptions options;
      options.report_existing = true;
      watcher.mirror_from_nothing({home_.at("local")});
      watch(watcher, {"local"}, options);
      // By its polls at the latest it has come so far.
      watcher.until("it hangs", [&] { return mount.holds_calls(); });
      until_said(watcher, "local/deep/mnt");
      expect_not_held_up(mount, watcher, "x");
      expect_looked_at_again(mount, watcher, "local/deep/mnt");
      EXPECT_FALSE(has_deletions(watcher.told()));
    });
  }
}

TEST_F(HungMountTest, ItIsUnwatchedAndWatchedAgainWhileItHangs) {
  with_mount("remote", [&](HungMount& mount, Watcher& watcher) {
    watch(watcher, {"local", "remote"});
    hang(mount, watcher, "remote");
    EXPECT_EQ(watcher.unwatch(home_.at("remote")), std::nullopt);
    watcher.sync();
    EXPECT_TRUE(watcher.has_told("deleted file remote/d/g"));
    expect_not_held_up(mount, watcher, "x");
    watcher.told();
    EXPECT_EQ(watcher.watch({home_.at("remote")}), std::nullopt);
    until_said(watcher, "remote");
    expect_not_held_up(mount, watcher, "y");
    expect_looked_at_again(mount, watcher, "remote");
  });
}

TEST_F(HungMountTest, AHungMountThatIsUnmountedIsToldAsGone) {
  for (const int flags : {0, int{MNT_FORCE}}) {
    SCOPED_TRACE(flags);
    with_mount("local/deep/mnt", [&](HungMount& mount, Watcher& watcher) {
      home_.write("local/deep/other");
      watch(watcher, {"local"});
      hang(mount, watcher, "local/deep/mnt");
      unmount(home_.at("local/deep/mnt"), flags);
      watcher.sync();
      EXPECT_TRUE(watcher.has_told("deleted file local/deep/mnt/d/g"));
      EXPECT_TRUE(watcher.has_told("created directory local/deep/mnt"));
      home_.write("local/deep/mnt/below");
      watcher.sync();
      EXPECT_TRUE(watcher.has_told("created file local/deep/mnt/below"));
    });
  }
}

TEST_F(HungMountTest, ARootThatIsAHungMountIsAnotherOneWhenThatIsUnmounted) {
  with_mount("remote", [&](HungMount& mount, Watcher& watcher) {
    watch(watcher, {"local", "remote"});
    hang(mount, watcher, "remote");
    unmount(home_.at("remote"));
    home_.write("remote/below");
    watcher.sync();
    EXPECT_TRUE(watcher.has_told("deleted file remote/d/g"));
    EXPECT_TRUE(watcher.has_told("created file remote/below"));
  });
}

TEST_F(HungMountTest, ALinkThatLeadsToAHungMountHoldsUpNothing) {
  with_mount("remote", [&](HungMount& mount, Watcher& watcher) {
    home_.symlink(home_.at("remote/d"), "local/link");
    WatchOptions options;
    options.follow_symlinks = true;
    watch(watcher, {"local"}, options);
    watcher.sync();
    hang(mount, watcher, "local/link");
    expect_not_held_up(mount, watcher, "x");
    EXPECT_FALSE(has_deletions(watcher.peek()));
    mount.release();
    watcher.sync();
    EXPECT_FALSE(has_deletions(watcher.told()));
  });
}

// The kernel does not give the path of such a directory.
TEST_F(HungMountTest, P5ALinkToAHungMountInADirectoryWithALongPathHoldsUpNothing) {
  with_mount("remote", [&](HungMount& mount, Watcher& watcher) {
    const std::string name(250, 'n');
    std::string path = "local";
    UniqueFd at(::open(home_.at(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    while (home_.path().size() + path.size() <= PATH_MAX) {
      ASSERT_EQ(::mkdirat(at.get(), name.c_str(), 0755), 0);
      at = UniqueFd(::openat(at.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
      path += '/' + name;
    }
    ASSERT_EQ(::symlinkat(home_.at("remote/d").c_str(), at.get(), "link"), 0);
    WatchOptions options;
    options.follow_symlinks = true;
    watch(watcher, {"local"}, options);
    watcher.sync();
    hang(mount, watcher, path + "/link");
    expect_not_held_up(mount, watcher, "x");
    EXPECT_FALSE(has_deletions(watcher.peek()));
    mount.release();
    watcher.sync();
    EXPECT_FALSE(has_deletions(watcher.told()));
  });
}

TEST_F(HungMountTest, ARootWithRulesOfGitHangsAsAnyOther) {
  with_mount("remote", [&](HungMount& mount, Watcher& watcher) {
    mount.hold();
    WatchOptions options;
    options.gitignore = true;
    watch(watcher, {"local", "remote"}, options);
    until_said(watcher, "remote");
    expect_not_held_up(mount, watcher, "x");
    expect_looked_at_again(mount, watcher, "remote");
    hang(mount, watcher, "remote");
    expect_not_held_up(mount, watcher, "y");
  });
}

// A repository, or a file of rules, that is a mount of its own: local/ignored is hidden by the
// rules of the repository, local/hidden by local/.gitignore.
class HungRulesTest : public HungMountTest {
 protected:
  template <class Body>
  void with_rules(const std::string& place, Body body) {
    home_.write("user/.config/git/ignore", "ignored\n");
    with_mount(place, [&](HungMount& mount, Watcher& watcher) {
      ::setenv("HOME", home_.at("user").c_str(), 1);
      ::unsetenv("XDG_CONFIG_HOME");
      options_.gitignore = true;
      body(mount, watcher);
    });
  }
  void SetUp() override {
    HungMountTest::SetUp();
    home_.directory("user/.config/git");
    home_.directory("local/deep/deeper");
  }
  void write_each() {
    for (const char* name : {"ignored", "hidden", "x"}) home_.write("local/" + std::string(name));
  }

  WatchOptions options_;
};

TEST_F(HungRulesTest, ARepositoryThatHangsHoldsNothingUpAndCountsWhenItAnswers) {
  for (const char* place : {"local/.git", "local/.git/info"}) {
    SCOPED_TRACE(place);
    home_.write("local/.gitignore", "hidden\n");
    with_rules(place, [&](HungMount& mount, Watcher& watcher) {
      mount.hold();
      watch(watcher, {"local"}, options_);
      until_said(watcher, "local/.git");
      expect_not_held_up(mount, watcher, "y");
      write_each();
      watcher.sync();
      EXPECT_TRUE(watcher.has_told("created file local/ignored"));
      EXPECT_FALSE(watcher.has_told("created file local/hidden"));
      EXPECT_EQ(said(watcher), 1) << testing::PrintToString(watcher.peek());
      mount.release();
      const std::string line = "deleted file local/ignored";
      watcher.until(line, [&] { return watcher.has_told(line); });
      EXPECT_EQ(said(watcher), 1) << testing::PrintToString(watcher.peek());
    });
  }
}

TEST_F(HungRulesTest, AGitignoreThatHangsHoldsNothingUpAndTheOtherRulesCount) {
  home_.directory("local/.git");
  with_rules("local/.gitignore", [&](HungMount& mount, Watcher& watcher) {
    mount.hold();
    watch(watcher, {"local"}, options_);
    until_said(watcher, "local/.gitignore");
    expect_not_held_up(mount, watcher, "y");
    write_each();
    watcher.sync();
    EXPECT_TRUE(watcher.has_told("created file local/x"));
    EXPECT_FALSE(watcher.has_told("created file local/ignored"));
    EXPECT_EQ(said(watcher), 1) << testing::PrintToString(watcher.peek());
    mount.release();
    const std::string line = "created file local/.gitignore/f";
    watcher.until(line, [&] { return watcher.has_told(line); });
  });
}

TEST_F(HungRulesTest, WhatWasReadOfARepositoryHoldsWhileItHangs) {
  with_rules("local/.git", [&](HungMount& mount, Watcher& watcher) {
    watch(watcher, {"local"}, options_);
    write_each();
    watcher.sync();
    EXPECT_FALSE(watcher.has_told("created file local/ignored"));
    watcher.told();
    mount.hold();
    home_.write("local/.gitignore", "hidden\n");
    const std::string line = "deleted file local/hidden";
    watcher.until(line, [&] { return watcher.has_told(line); });
    until_said(watcher, "local/.git");
    expect_not_held_up(mount, watcher, "y");
    EXPECT_FALSE(watcher.has_told("created file local/ignored"));
    mount.release();
    watcher.sync();
    EXPECT_FALSE(watcher.has_told("created file local/ignored"));
  });
}

TEST_F(HungRulesTest, ARootBelowARepositoryThatHangsIsWatchedAndItsRulesCountWhenItAnswers) {
  for (const char* place : {"local/.git", "local/.gitignore"}) {
    SCOPED_TRACE(place);
    home_.directory("local/.git");
    home_.write("local/deep/deeper/.gitignore", "hidden\n");
    with_rules(place, [&](HungMount& mount, Watcher& watcher) {
      const bool repository = place == std::string("local/.git");
      mount.hold();
      watch(watcher, {"local/deep/deeper"}, options_);
      until_said(watcher, place);
      for (const char* name : {"ignored", "hidden", "x"}) {
        home_.write("local/deep/deeper/" + std::string(name));
      }
      watcher.sync();
      EXPECT_TRUE(mount.holds_calls());
      EXPECT_TRUE(watcher.has_told("created file local/deep/deeper/x"));
      EXPECT_FALSE(watcher.has_told("created file local/deep/deeper/hidden"));
      EXPECT_EQ(watcher.has_told("created file local/deep/deeper/ignored"), repository);
      EXPECT_EQ(said(watcher), 1) << testing::PrintToString(watcher.peek());
      mount.release();
      if (repository) {
        const std::string line = "deleted file local/deep/deeper/ignored";
        watcher.until(line, [&] { return watcher.has_told(line); });
      }
      watcher.sync();
      EXPECT_FALSE(watcher.has_told("deleted file local/deep/deeper/x"));
      EXPECT_EQ(said(watcher), 1) << testing::PrintToString(watcher.peek());
    });
  }
}

TEST_F(HungMountTest, ARootThatIsWatchedByHintsHangsAsAnyOther) {
  with_mount("remote", [&](HungMount& mount, Watcher& watcher) {
    mount.hold_after(4);
    WatchOptions options;
    options.backend = Backend::inotify;
    watch(watcher, {"local", "remote"}, options);
    watcher.until("it hangs", [&] {
      watcher.sync();
      return mount.holds_calls();
    });
    until_said(watcher, "remote");
    expect_not_held_up(mount, watcher, "x");
    mount.release();
    watcher.until("it is known", [&] {
      watcher.sync();
      return watcher.list(home_.at("remote/d")).entries.size() == 1;
    });
  });
}

// Longer than the loop waits: each answer is had by the next that asks.
TEST_F(HungMountTest, AMountOfWhichEveryAnswerIsSlowIsKnownInTheEnd) {
  with_mount("remote", [&](HungMount& mount, Watcher& watcher) {
    mount.delay(210);
    WatchOptions options;
    options.report_existing = true;
    watcher.mirror_from_nothing({home_.at("local"), home_.at("remote")});
    watch(watcher, {"local", "remote"}, options);
    const std::string line = "created file remote/d/g";
    watcher.until(line, [&] { return watcher.has_told(line); });
    EXPECT_LE(said(watcher), 1) << testing::PrintToString(watcher.peek());
    mount.delay(0);
    expect_looked_at_again(mount, watcher, "remote");
  });
}

// The listing of a poll begins after the write, and ends before the file is checked at last.
TEST_F(HungMountTest, P1AWriteWhoseCheckIsAnsweredLateIsToldEvenIfTheMtimeIsSetBack) {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::milliseconds kLate{300};
  constexpr std::chrono::milliseconds kHung{1300};
  const std::string written = "modified file remote/f";
  for (const auto held : {kLate, kHung}) {
    SCOPED_TRACE(held.count());
    with_mount("remote", [&](HungMount& mount, Watcher& watcher) {
      watcher.engine().set({{}, {}, 3'600'000});  // only a sync polls
      watch(watcher, {"remote"});
      watcher.sync();
      watcher.sync();
      mount.write_unseen();
      mount.hold_look_at_file();
      bool synced = false;
      watcher.engine().sync([&](const auto& /*seq*/) { synced = true; });
      watcher.until("a call is held", [&] { return mount.holds_calls(); });
      const auto begin = Clock::now();
      watcher.until("it is late", [&] { return Clock::now() - begin > held; });
      mount.release();
      watcher.until("it is synced", [&] { return synced; });
      watcher.until(written, [&] {
        watcher.sync();
        return watcher.has_told(written);
      });
      watcher.told();
      watcher.sync();
      watcher.sync();
      EXPECT_FALSE(watcher.has_told(written)) << "once is enough";
    });
  }
}

// A file may be a mount of its own, which its directory is not on.
TEST_F(HungMountTest, P5AFileThatIsAHungMountIsNotOpenedInTheLoopToFindItsWriters) {
  home_.directory("local");
  home_.write("local/f");
  apart([&] {
    Watcher watcher(home_.path());
    watcher.engine().set({{}, {}, 50});
    WatchOptions options;
    options.await = 60'000;
    watch(watcher, {"local"}, options);
    HungMount mount(home_.at("local/f"), HungMount::Served::yes, HungMount::Root::file);
    if (!mount.mounted()) return;
    mount.hold_open();
    watcher.until("its writers are asked for", [&] { return mount.holds_calls(); });
    home_.write("local/x");
    const std::string line = "created file local/x";
    watcher.until(line, [&] { return watcher.has_told(line); });
    EXPECT_TRUE(mount.holds_calls()) << "it must not have answered";
    mount.end_server();
  });
}

TEST_F(HungMountTest, AWatcherOfAHungMountEnds) {
  with_mount("remote", [&](HungMount& mount, Watcher& /*watcher*/) {
    auto another = std::make_unique<Watcher>(home_.path());
    another->engine().set({{}, {}, 50});
    watch(*another, {"local", "remote"});
    hang(mount, *another, "remote");
    another.reset();
    EXPECT_TRUE(mount.holds_calls());
  });
}

TEST_F(HungMountTest, ADirectoryThatTheServerRenamesIsNotSaidToBeUnreadable) {
  with_mount("remote", [&](HungMount& mount, Watcher& watcher) {
    watch(watcher, {"remote"});
    watcher.mirror_from_listing(listed_);
    watcher.sync();
    watcher.told();
    mount.rename_directory();
    watcher.sync();  // its name is still found
    mount.remove_directory();
    watcher.sync();
    watcher.expect_mirror_is_disk();
    EXPECT_EQ(said(watcher), 0) << testing::PrintToString(watcher.peek());
    EXPECT_TRUE(watcher.has_told("deleted directory remote/d"));
    EXPECT_TRUE(watcher.has_told("created file remote/e/g"));
  });
}

TEST_F(HungMountTest, AServerThatDiesIsSaidOnceAndItsMountCanBeUnmountedAndMountedAgain) {
  for (const bool below : {false, true}) {
    SCOPED_TRACE(below);
    const std::string place = below ? "local/deep/mnt" : "remote";
    with_mount(place, [&](HungMount& mount, Watcher& watcher) {
      watch(watcher, below ? std::vector<std::string>{"local"}
                           : std::vector<std::string>{"local", "remote"});
      watcher.sync();
      watcher.told();
      mount.end_server();
      const std::string line = "unreadable " + place + " enotconn";
      watcher.until(line, [&] { return watcher.has_told(line); });
      for (int i = 0; i < 5; ++i) watcher.sync();
      EXPECT_EQ(said(watcher), 1) << testing::PrintToString(watcher.peek());
      EXPECT_FALSE(has_deletions(watcher.peek()));
      EXPECT_EQ(::umount2(home_.at(place).c_str(), UMOUNT_NOFOLLOW), 0);
      home_.write(place + "/below");
      watcher.sync();
      EXPECT_TRUE(watcher.has_told("deleted file " + place + "/d/g"));
      EXPECT_TRUE(watcher.has_told("created file " + place + "/below"));
      home_.remove(place + "/below");
      const HungMount again(home_.at(place));
      watcher.sync();
      const std::string back = "created file " + place + "/d/g";
      watcher.until(back, [&] { return watcher.has_told(back); });
    });
  }
}

TEST_F(HungMountTest, AServerThatDiesDuringTheStartHoldsUpNothing) {
  for (const int calls : {0, 1, 2, 3, 5, 8, 11}) {
    SCOPED_TRACE(calls);
    for (const bool below : {false, true}) {
      const std::string place = below ? "local/deep/mnt" : "remote";
      with_mount(place, [&](HungMount& mount, Watcher& watcher) {
        mount.hold_after(calls);
        std::vector<std::string> paths{home_.at("local")};
        if (!below) paths.push_back(home_.at("remote"));
        std::optional<Result<Done>> answer;
        watcher.engine().watch(paths, {}, [&](Result<Done> result) { answer = std::move(result); });
        watcher.until("it is held or known",
                      [&] { return mount.holds_calls() || answer.has_value(); });
        mount.end_server();
        watcher.until("it is answered", [&] { return answer.has_value(); });
        const std::string other = "local/" + std::to_string(calls) + (below ? "b" : "a");
        home_.write(other);
        watcher.until("the other is told",
                      [&] { return watcher.has_told("created file " + other); });
        watcher.sync();
        watcher.until("it is said", [&] { return said(watcher) > 0; });
        EXPECT_EQ(said(watcher), 1) << testing::PrintToString(watcher.peek());
        // The thread of the mount closes what it has opened.
        watcher.until("it can be unmounted",
                      [&] { return ::umount2(home_.at(place).c_str(), UMOUNT_NOFOLLOW) == 0; });
        home_.write(place + "/below");
        watcher.sync();
        EXPECT_TRUE(watcher.has_told("created file " + place + "/below"));
        home_.remove(place + "/below");
      });
    }
  }
}

}  // namespace
}  // namespace lookout
