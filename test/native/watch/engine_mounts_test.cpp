// File systems that are mounted over what is watched, and taken away again (P1, P2). In a child
// with a mount namespace of its own, since a process cannot leave one again.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iostream>

#include "watch/engine_test.h"

namespace lookout {
namespace {

bool may_mount() {
  const std::string user = std::to_string(::geteuid());
  const std::string group = std::to_string(::getegid());
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
  const auto put = [](const char* path, const std::string& text) {
    std::ofstream file(path);
    file << text << std::flush;
    return file.good();
  };
  return put("/proc/self/uid_map", "0 " + user + " 1") && put("/proc/self/setgroups", "deny") &&
         put("/proc/self/gid_map", "0 " + group + " 1") &&
         ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

void mount_over(const std::string& path) {
  EXPECT_EQ(::mount("lookout-test", path.c_str(), "tmpfs", 0, nullptr), 0);
}

void unmount(const std::string& path) {
  EXPECT_EQ(::umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW), 0);
}

class MountsTest : public testing::Test {
 protected:
  void SetUp() override {
    const pid_t child = ::fork();
    if (child == 0) std::_Exit(may_mount() ? 0 : 1);
    int status = 0;
    ::waitpid(child, &status, 0);
    if (status != 0) GTEST_SKIP() << "nothing can be mounted here, for want of user namespaces";
    home_.directory("in/d");
    home_.write("in/d/hidden");
  }

  // Runs `body` where it may mount, with a watcher of what it names.
  template <class Body>
  void apart(Body body, const WatchOptions& options = {}) {
    EXPECT_EXIT(std::_Exit(run(body, options)), testing::ExitedWithCode(0), "");
  }

  template <class Body>
  int run(Body body, const WatchOptions& options) {
    if (!may_mount()) return 2;
    Watcher watcher(home_.path());
    EXPECT_EQ(watcher.watch({home_.at("in")}, options), std::nullopt);
    if (!options.follow_symlinks) watcher.mirror_from_listing({home_.at("in")});
    body(watcher);
    const auto& result = *testing::UnitTest::GetInstance()->current_test_info()->result();
    for (int i = 0; i < result.total_part_count(); ++i) {
      std::cerr << result.GetTestPartResult(i).message() << '\n';
    }
    return testing::Test::HasFailure() ? 1 : 0;
  }

  static Told synced(Watcher& watcher) {
    watcher.sync();
    watcher.expect_mirror_is_disk();
    return watcher.told();
  }

  TempDirectory home_;
};

TEST_F(MountsTest, WhatIsMountedOverADirectoryIsToldAndWhatItHidComesBack) {
  apart([&](Watcher& watcher) {
    mount_over(home_.at("in/d"));
    home_.write("in/d/shown");
    EXPECT_EQ(sorted(synced(watcher)),
              (Told{"created directory in/d", "created file in/d/shown", "deleted directory in/d",
                    "deleted file in/d/hidden"}));
    home_.append("in/d/shown", "x");
    EXPECT_EQ(synced(watcher), (Told{"modified file in/d/shown"}));
    unmount(home_.at("in/d"));
    EXPECT_EQ(sorted(synced(watcher)), (Told{"created directory in/d", "created file in/d/hidden",
                                             "deleted directory in/d", "deleted file in/d/shown"}));
  });
}

TEST_F(MountsTest, WhatIsMountedWhereALinkLeadsIsTold) {
  home_.directory("out/d/e");
  home_.write("out/d/e/hidden");
  home_.symlink("../out", "in/l");
  const auto body = [&](Watcher& watcher) {
    for (const char* place : {"out/d", "out/d/e"}) {
      mount_over(home_.at(place));
      watcher.sync();
      EXPECT_TRUE(watcher.has_told("deleted file in/l/d/e/hidden")) << place;
      unmount(home_.at(place));
      watcher.sync();
      EXPECT_TRUE(watcher.has_told("created file in/l/d/e/hidden")) << place;
      watcher.told();
    }
  };
  apart(body, {.follow_symlinks = true});
}

TEST_F(MountsTest, AMountIsToldWithoutBeingAskedFor) {
  apart([&](Watcher& watcher) {
    mount_over(home_.at("in/d"));
    watcher.until("it is told", [&] { return watcher.has_told("deleted file in/d/hidden"); });
    unmount(home_.at("in/d"));
    watcher.until("it is told", [&] { return watcher.has_told("created file in/d/hidden"); });
  });
}

TEST_F(MountsTest, ARootThatIsMountedOverIsAnotherOne) {
  apart([&](Watcher& watcher) {
    mount_over(home_.at("in"));
    home_.write("in/shown");
    const Told told = synced(watcher);
    for (const char* line : {"deleted directory in/d", "root_deleted in", "root_created in",
                             "created file in/shown"}) {
      EXPECT_NE(std::find(told.begin(), told.end(), line), told.end()) << line;
    }
    unmount(home_.at("in"));
    synced(watcher);
    EXPECT_TRUE(watcher.mirror().find(home_.at("in/d/hidden")));
  });
}

TEST_F(MountsTest, AFileSystemMountedAboveARootTakesItAwayAndGivesItBack) {
  apart([&](Watcher& watcher) {
    mount_over(home_.path());
    watcher.sync();
    EXPECT_TRUE(watcher.has_told("root_deleted in"));
    unmount(home_.path());
    synced(watcher);
    EXPECT_TRUE(watcher.mirror().find(home_.at("in/d/hidden")));
  });
}

}  // namespace
}  // namespace lookout
