// File systems that are mounted over what is watched, and taken away again (P1, P2).
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "watch/engine_test.h"
#include "watch/own_mounts.h"

namespace lookout {
namespace {

void mount_over(const std::string& path) {
  EXPECT_EQ(::mount("lookout-test", path.c_str(), "tmpfs", 0, nullptr), 0);
}

class MountsTest : public OwnMountsTest {
 protected:
  void SetUp() override {
    OwnMountsTest::SetUp();
    home_.directory("in/d");
    home_.write("in/d/hidden");
  }

  // Runs `body` where it may mount, with a watcher of what it names.
  template <class Body>
  void apart(Body body, const WatchOptions& options = {}) {
    OwnMountsTest::apart([&] {
      Watcher watcher(home_.path());
      EXPECT_EQ(watcher.watch({home_.at("in")}, options), std::nullopt);
      if (!options.follow_symlinks) watcher.mirror_from_listing({home_.at("in")});
      body(watcher);
    });
  }

  static Told synced(Watcher& watcher) {
    watcher.sync();
    watcher.expect_mirror_is_disk();
    return watcher.told();
  }
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

TEST_F(MountsTest, AChangeOfModeWhereSomethingIsMountedIsTold) {
  apart([&](Watcher& watcher) {
    mount_over(home_.at("in/d"));
    synced(watcher);
    EXPECT_EQ(::chmod(home_.at("in/d").c_str(), 0700), 0);
    EXPECT_EQ(synced(watcher), (Told{"attributes directory in/d"}));
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
