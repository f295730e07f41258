// File systems that are mounted over what is watched, and taken away again (P1, P2).
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "support/unique_fd.h"
#include "watch/engine_test.h"
#include "watch/own_mounts.h"

namespace lookout {
namespace {

void mount_over(const std::string& path) {
  EXPECT_EQ(::mount("lookout-test", path.c_str(), "tmpfs", 0, nullptr), 0);
}

// Not lazily: fails with EBUSY while anything is open there.
bool unmounts_at_once(const std::string& path) {
  return ::umount2(path.c_str(), UMOUNT_NOFOLLOW) == 0;
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

// The mode of a file counts for root as for any other user while this lives. The namespace may have
// no other user.
class WithoutOverride {
 public:
  WithoutOverride() {
    EXPECT_EQ(::syscall(SYS_capget, &header_, before_.data()), 0);
    auto fewer = before_;
    fewer[0].effective &= ~(1U << CAP_DAC_OVERRIDE | 1U << CAP_DAC_READ_SEARCH);
    EXPECT_EQ(::syscall(SYS_capset, &header_, fewer.data()), 0);
  }
  ~WithoutOverride() {
    if (::syscall(SYS_capset, &header_, before_.data()) != 0) std::abort();
  }
  WithoutOverride(const WithoutOverride&) = delete;
  WithoutOverride& operator=(const WithoutOverride&) = delete;

 private:
  __user_cap_header_struct header_{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> before_{};
};

TEST_F(MountsTest, P1AMountThatMayNotBeReadIsReadWhenItMay) {
  apart([&](Watcher& watcher) {
    const WithoutOverride any_user;
    mount_over(home_.at("in/d"));
    home_.write("in/d/shown");
    EXPECT_EQ(::chmod(home_.at("in/d").c_str(), 0000), 0);
    watcher.sync();
    EXPECT_TRUE(watcher.has_told("unreadable in/d eacces"));
    EXPECT_EQ(::chmod(home_.at("in/d").c_str(), 0755), 0);
    watcher.sync();
    EXPECT_TRUE(watcher.has_told("created file in/d/shown"));
    watcher.expect_mirror_is_disk();
  });
}

// Another group takes access away and gives it back. The mode is the same all the time.
TEST_F(MountsTest, P1ChangesWhileTheGroupOfAMountMayNotReadItAreReportedAfterwards) {
  apart([&](Watcher& watcher) {
    const WithoutOverride any_user;
    constexpr ::uid_t kOther = 12345;
    mount_over(home_.at("in/d"));
    home_.directory("in/d/a/b");
    if (::chmod(home_.at("in/d").c_str(), 0750) != 0 ||
        ::chown(home_.at("in/d").c_str(), kOther, 0) != 0) {
      return;  // the namespace has no other user
    }
    watcher.sync();
    watcher.expect_mirror_is_disk();
    const UniqueFd below(::open(home_.at("in/d/a/b").c_str(), O_PATH | O_CLOEXEC));
    EXPECT_EQ(::chown(home_.at("in/d").c_str(), kOther, kOther), 0);
    EXPECT_EQ(::mknodat(below.get(), "x", S_IFREG | 0644, 0), 0);
    watcher.sync();
    EXPECT_TRUE(watcher.has_told("unreadable in/d eacces"));
    EXPECT_EQ(::chown(home_.at("in/d").c_str(), kOther, 0), 0);
    watcher.sync();
    EXPECT_TRUE(watcher.has_told("created file in/d/a/b/x"));
    watcher.expect_mirror_is_disk();
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

TEST_F(MountsTest, NothingIsOpenOnAPolledMountBetweenTwoPolls) {
  WatchOptions options;
  options.backend = Backend::poll;
  const auto body = [&](Watcher& watcher) {
    mount_over(home_.at("in/d"));
    home_.directory("in/d/deep");
    home_.write("in/d/deep/shown");
    synced(watcher);
    synced(watcher);  // polls all
    EXPECT_TRUE(unmounts_at_once(home_.at("in/d")));
    EXPECT_EQ(sorted(synced(watcher)),
              (Told{"created directory in/d", "created file in/d/hidden", "deleted directory in/d",
                    "deleted directory in/d/deep", "deleted file in/d/deep/shown"}));
    mount_over(home_.at("in/d"));
    home_.write("in/d/again");
    EXPECT_EQ(sorted(synced(watcher)),
              (Told{"created directory in/d", "created file in/d/again", "deleted directory in/d",
                    "deleted file in/d/hidden"}));
    EXPECT_TRUE(unmounts_at_once(home_.at("in/d")));
    synced(watcher);
  };
  apart(body, options);
}

TEST_F(MountsTest, NothingIsOpenOnAMountThatWasListedButHasNotChanged) {
  apart([&](Watcher& watcher) {
    mount_over(home_.at("in/d"));
    home_.directory("in/d/deep");
    home_.write("in/d/deep/shown");
    synced(watcher);
    EXPECT_TRUE(unmounts_at_once(home_.at("in/d")));
    synced(watcher);
    EXPECT_TRUE(watcher.mirror().find(home_.at("in/d/hidden")));
  });
}

TEST_F(MountsTest, AMountWithChangesCanBeUnmountedSoonAfterTheLast) {
  apart([&](Watcher& watcher) {
    mount_over(home_.at("in/d"));
    home_.directory("in/d/deep");
    home_.write("in/d/deep/shown");
    synced(watcher);
    home_.append("in/d/deep/shown", "x");
    synced(watcher);
    watcher.until("it is unmounted", [&] { return unmounts_at_once(home_.at("in/d")); });
    synced(watcher);
  });
}

class MountsWithoutCreditTest : public MountsTest {
 protected:
  // A reader that has no room yet keeps listings half done. `make` makes the entries of a mount at
  // "in/d".
  template <class Make>
  void expect_unmounted_without_credit(Make make) {
    OwnMountsTest::apart([&] {
      Watcher watcher(home_.path(), 1);
      EXPECT_EQ(watcher.watch({home_.at("in")}), std::nullopt);
      watcher.mirror_from_listing({home_.at("in")});
      mount_over(home_.at("in/d"));
      make();
      watcher.until("its credit is used up", [&] { return watcher.engine().info().credit == 0; });
      watcher.until("it is unmounted", [&] { return unmounts_at_once(home_.at("in/d")); });
      watcher.engine().grant(Engine::kUnlimited);
      synced(watcher);
      EXPECT_TRUE(watcher.mirror().find(home_.at("in/d/hidden")));
    });
  }
};

TEST_F(MountsWithoutCreditTest, AListingThatWaitsDoesNotKeepAMountBusy) {
  expect_unmounted_without_credit([&] {
    home_.directory("in/d/deep");
    constexpr int kMany = 3000;
    for (int i = 0; i < kMany; ++i) home_.write("in/d/deep/" + std::to_string(i));
  });
}

// The listings of many new directories are read ahead of the first one.
TEST_F(MountsWithoutCreditTest, ListingsReadAheadDoNotKeepAMountBusy) {
  expect_unmounted_without_credit([&] {
    constexpr int kMany = 200;
    for (int i = 0; i < kMany; ++i) {
      const std::string directory = "in/d/" + std::to_string(i);
      home_.directory(directory);
      for (int file = 0; file < 20; ++file) home_.write(directory + '/' + std::to_string(file));
    }
  });
}

// A bind mount: what is mounted is a part of a file system that is reachable at another path too.
class BindMountsTest : public MountsTest {
 protected:
  void SetUp() override {
    MountsTest::SetUp();
    home_.directory("host/deep");
    home_.write("host/shown");
    home_.write("host/deep/f");
    home_.write("file", "hidden");
    home_.write("host/file", "shown");
  }

  void bind(const std::string& from, const std::string& to) {
    EXPECT_EQ(::mount(home_.at(from).c_str(), home_.at(to).c_str(), nullptr, MS_BIND, nullptr), 0);
  }

  static bool has(const Told& told, const std::string& line) {
    return std::find(told.begin(), told.end(), line) != told.end();
  }
};

TEST_F(BindMountsTest, ADirectoryOverARootIsReportedAndSoAreLaterChangesOnBothSides) {
  apart([&](Watcher& watcher) {
    for (int i = 0; i < 2; ++i) {
      bind("host", "in");
      const Told mounted = synced(watcher);
      for (const char* line : {"deleted file in/d/hidden", "deleted directory in/d",
                               "root_deleted in", "root_created in", "created file in/shown",
                               "created directory in/deep", "created file in/deep/f"}) {
        EXPECT_TRUE(has(mounted, line)) << line;
      }
      let_a_tick_pass();
      for (const char* side : {"host", "in"}) {
        const std::string top = side;
        home_.append(top + "/shown", "x");
        EXPECT_EQ(synced(watcher), (Told{"modified file in/shown"})) << side;
        home_.write(top + "/deep/new");
        EXPECT_EQ(synced(watcher), (Told{"created file in/deep/new"})) << side;
        home_.remove(top + "/deep/new");
        EXPECT_EQ(synced(watcher), (Told{"deleted file in/deep/new"})) << side;
      }
      unmount(home_.at("in"));
      const Told unmounted = synced(watcher);
      for (const char* line : {"deleted file in/shown", "root_deleted in", "root_created in",
                               "created file in/d/hidden"}) {
        EXPECT_TRUE(has(unmounted, line)) << line;
      }
      home_.append("host/shown", "x");
      EXPECT_EQ(synced(watcher), Told{});
      home_.append("in/d/hidden", "x");
      EXPECT_EQ(synced(watcher), (Told{"modified file in/d/hidden"}));
    }
  });
}

TEST_F(BindMountsTest, AFileOverASingleFileRootIsReportedAndSoAreLaterChangesOnBothSides) {
  OwnMountsTest::apart([&] {
    Watcher watcher(home_.path());
    EXPECT_EQ(watcher.watch({home_.at("file")}), std::nullopt);
    const auto reported = [&watcher] {
      watcher.sync();
      return watcher.told();
    };
    reported();
    for (int i = 0; i < 2; ++i) {
      bind("host/file", "file");
      EXPECT_EQ(reported(), (Told{"modified file file"}));
      let_a_tick_pass();
      for (const char* side : {"host/file", "file"}) {
        home_.append(side, "x");
        EXPECT_EQ(reported(), (Told{"modified file file"})) << side;
        home_.set_mode(side, i == 0 ? 0600 : 0640);
        home_.set_mode(side, 0644);
        EXPECT_EQ(reported(), (Told{"attributes file file"})) << side;
      }
      unmount(home_.at("file"));
      EXPECT_EQ(reported(), (Told{"modified file file"}));
      home_.append("host/file", "x");
      EXPECT_EQ(reported(), Told{});
      home_.append("file", "x");
      EXPECT_EQ(reported(), (Told{"modified file file"}));
    }
  });
}

TEST_F(BindMountsTest, AChangeOfADirectoryThatIsVisibleTwiceIsReportedAtBothPaths) {
  home_.directory("in/e");
  apart([&](Watcher& watcher) {
    bind("in/d", "in/e");
    EXPECT_TRUE(has(synced(watcher), "created file in/e/hidden"));
    for (const char* side : {"in/d", "in/e"}) {
      const std::string top = side;
      home_.append(top + "/hidden", "x");
      EXPECT_EQ(sorted(synced(watcher)),
                (Told{"modified file in/d/hidden", "modified file in/e/hidden"}));
      home_.directory(top + "/new");
      home_.write(top + "/new/f");
      EXPECT_EQ(sorted(synced(watcher)),
                (Told{"created directory in/d/new", "created directory in/e/new",
                      "created file in/d/new/f", "created file in/e/new/f"}));
      home_.remove(top + "/new/f");
      home_.remove(top + "/new");
      EXPECT_EQ(sorted(synced(watcher)),
                (Told{"deleted directory in/d/new", "deleted directory in/e/new",
                      "deleted file in/d/new/f", "deleted file in/e/new/f"}));
    }
    unmount(home_.at("in/e"));
    EXPECT_TRUE(has(synced(watcher), "deleted file in/e/hidden"));
    home_.append("in/d/hidden", "x");
    EXPECT_EQ(synced(watcher), (Told{"modified file in/d/hidden"}));
  });
}

TEST_F(BindMountsTest, ARenameInADirectoryThatIsVisibleTwiceIsReportedAtBothPaths) {
  home_.directory("in/e");
  home_.directory("in/d/a/m");
  home_.directory("in/d/x");
  home_.write("in/d/a/m/below");
  apart([&](Watcher& watcher) {
    bind("in/d", "in/e");
    bind("host", "in/e/a/m");  // not visible at in/d/a/m
    synced(watcher);
    EXPECT_TRUE(watcher.mirror().find(home_.at("in/e/a/m/shown")));
    mount_over(home_.at("in/d/a"));  // the tree has the later one of the two at in/d/a after this
    synced(watcher);
    unmount(home_.at("in/d/a"));
    synced(watcher);
    for (const char* side : {"d", "e"}) {
      const std::string top = std::string("in/") + side;
      home_.move(top + "/a", top + "/b");
      EXPECT_EQ(sorted(synced(watcher)),
                (Told{"renamed directory in/d/a -> in/d/b", "renamed directory in/e/a -> in/e/b"}));
      home_.move(top + "/b", top + "/x/a");
      synced(watcher);
      home_.move(top + "/x/a", top + "/a");
      synced(watcher);
      EXPECT_TRUE(watcher.mirror().find(home_.at("in/d/a/m/below")));
      EXPECT_TRUE(watcher.mirror().find(home_.at("in/e/a/m/shown")));
    }
    home_.append("host/shown", "x");
    EXPECT_EQ(synced(watcher), (Told{"modified file in/e/a/m/shown"}));
    home_.append("in/d/a/m/below", "x");
    EXPECT_EQ(synced(watcher), (Told{"modified file in/d/a/m/below"}));
  });
}

// The table of mounts is not signalled for a rename: it has the path from before.
TEST_F(BindMountsTest, OneThatWasMovedWithADirectoryAboveItIsUnmounted) {
  home_.directory("in/a/b");
  home_.write("in/a/b/below");
  apart([&](Watcher& watcher) {
    bind("host", "in/a/b");
    synced(watcher);
    home_.move("in/a", "in/c");
    EXPECT_EQ(synced(watcher), (Told{"renamed directory in/a -> in/c"}));
    unmount(home_.at("in/c/b"));
    EXPECT_TRUE(has(synced(watcher), "created file in/c/b/below"));
    home_.append("in/c/b/below", "x");
    EXPECT_EQ(synced(watcher), (Told{"modified file in/c/b/below"}));
  });
}

// What is mounted below it shows only at the path that it had.
TEST_F(BindMountsTest, ADirectoryMovesToWhereItIsVisibleThroughAnotherMount) {
  home_.directory("in/x/y/m");
  home_.write("in/x/y/m/below");
  home_.directory("other");
  home_.write("other/shown");
  apart([&](Watcher& watcher) {
    bind("other", "in/x/y/m");
    bind("host", "in/d");
    synced(watcher);
    EXPECT_TRUE(watcher.mirror().find(home_.at("in/x/y/m/shown")));
    home_.move("in/x", "host/x");
    synced(watcher);
    EXPECT_TRUE(watcher.mirror().find(home_.at("in/d/x/y/m/below")));
    home_.move("host/x", "in/x");
    synced(watcher);
    EXPECT_TRUE(watcher.mirror().find(home_.at("in/x/y/m/shown")));
  });
}

// The table of mounts is read at most every 200 ms: it may have the same places before and after.
TEST_F(BindMountsTest, OneThatWasListedIsUnmountedBeforeTheTableIsRead) {
  home_.directory("new/b");
  home_.write("new/b/below");
  apart([&](Watcher& watcher) {
    bind("host", "in/d");
    watcher.until("the first", [&] { return watcher.has_told("created file in/d/shown"); });
    bind("host", "new/b");
    home_.move("new", "in/new");
    watcher.until("the other", [&] { return watcher.has_told("created file in/new/b/shown"); });
    unmount(home_.at("in/new/b"));
    synced(watcher);
    EXPECT_TRUE(watcher.mirror().find(home_.at("in/new/b/below")));
  });
}

// The same directory is at the path before and after, and where it had events it is open.
TEST_F(BindMountsTest, ADirectoryOverItselfHidesWhatIsMountedInIt) {
  home_.directory("in/a/b");
  home_.write("in/a/b/below");
  apart([&](Watcher& watcher) {
    bind("host", "in/a/b");
    synced(watcher);
    home_.write("in/a/new");
    EXPECT_EQ(synced(watcher), (Told{"created file in/a/new"}));
    bind("in/a", "in/a");
    EXPECT_TRUE(has(synced(watcher), "created file in/a/b/below"));
    home_.append("in/a/b/below", "x");
    EXPECT_EQ(synced(watcher), (Told{"modified file in/a/b/below"}));
    home_.append("in/a/new", "x");
    EXPECT_EQ(synced(watcher), (Told{"modified file in/a/new"}));
    unmount(home_.at("in/a"));
    EXPECT_TRUE(has(synced(watcher), "deleted file in/a/b/below"));
    home_.append("host/shown", "x");
    EXPECT_EQ(synced(watcher), (Told{"modified file in/a/b/shown"}));
  });
}

// Through a link, `out/t` and its mount in itself have been reported; another link shows both.
TEST_F(BindMountsTest, P1AMountPointIsNoRenameOfTheDirectoryThatItShows) {
  home_.directory("out/t/a");
  home_.write("out/t/shown");
  home_.write("out/t/a/below");
  home_.symlink("../out/t", "in/l");
  const auto body = [&](Watcher& watcher) {
    bind("out/t", "out/t/a");
    watcher.sync();
    home_.symlink("../out", "in/n");
    watcher.sync();
    std::vector<std::string> files;
    for (const Entry& entry : watcher.list(home_.at("in/n/t")).entries) {
      if (entry.type == EntryType::file) {
        files.push_back(entry.path.substr(home_.at("in/n/t").size()));
      }
    }
    EXPECT_EQ(sorted(files), (Told{"/a/a/below", "/a/shown", "/shown"}));
  };
  apart(body, {.follow_symlinks = true});
}

// Such a directory has no entries and cannot get any.
TEST_F(BindMountsTest, OneThatWasRemovedWhereItCameFromIsEmpty) {
  apart([&](Watcher& watcher) {
    for (const char* place : {"in/d", "in"}) {
      home_.directory("other");
      home_.write("other/shown");
      bind("other", place);
      synced(watcher);
      EXPECT_TRUE(watcher.mirror().find(home_.at(std::string(place) + "/shown")));
      home_.remove("other");
      EXPECT_EQ(synced(watcher), (Told{"deleted file " + std::string(place) + "/shown"})) << place;
      unmount(home_.at(place));
      synced(watcher);
      EXPECT_TRUE(watcher.mirror().find(home_.at("in/d/hidden")));
      home_.directory("other");
      bind("other", place);
      home_.remove("other");
      synced(watcher);
      unmount(home_.at(place));
      synced(watcher);
      EXPECT_TRUE(watcher.mirror().find(home_.at("in/d/hidden")));
    }
  });
}

// Part of the kernel's /proc, which needs no privileges to be shown elsewhere.
void show_proc(const std::string& place, const std::string& part = "/proc/sys/fs") {
  EXPECT_EQ(::mount(part.c_str(), place.c_str(), nullptr, MS_BIND | MS_REC, nullptr), 0);
  // It stamps an entry when that is listed for the first time.
  if (!std::filesystem::is_directory(place)) return;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(place)) entry.status();
}

class PseudoFileSystemsTest : public OwnMountsTest {
 protected:
  void SetUp() override {
    OwnMountsTest::SetUp();
    home_.directory("in/d");
    home_.write("in/d/hidden");
    home_.write("in/file");
  }

  template <class Body>
  void apart(Body body) {
    OwnMountsTest::apart([&] {
      Watcher watcher(home_.path());
      body(watcher);
    });
  }

  Told watched(Watcher& watcher, const std::string& name, Backend backend = Backend::automatic) {
    let_a_tick_pass();  // what is younger is reported once more by polling
    WatchOptions options;
    options.backend = backend;
    EXPECT_EQ(watcher.watch({home_.at(name)}, options), std::nullopt);
    watcher.sync();
    return watcher.told();
  }

  std::size_t listed(Watcher& watcher, const std::string& name) {
    return watcher.list(home_.at(name)).entries.size();
  }
};

TEST_F(PseudoFileSystemsTest, BelowARootOneIsLeftOutAndThatIsSaidOnce) {
  apart([&](Watcher& watcher) {
    show_proc(home_.at("in/d"));
    EXPECT_EQ(watched(watcher, "in"), (Told{"unwatched in/d proc"}));
    EXPECT_EQ(listed(watcher, "in/d"), 0U);
    EXPECT_EQ(watcher.engine().info().directories, 2U);
    EXPECT_EQ(watcher.engine().info().watches, 1U);
    home_.write("in/new");
    watcher.sync();
    EXPECT_EQ(watcher.told(), (Told{"created file in/new"}));
  });
}

TEST_F(PseudoFileSystemsTest, MountedAndUnmountedWhileTheRootIsWatched) {
  apart([&](Watcher& watcher) {
    watched(watcher, "in");
    for (int i = 0; i < 2; ++i) {
      show_proc(home_.at("in/d"));
      watcher.sync();
      EXPECT_EQ(watcher.told(), (Told{"deleted file in/d/hidden", "deleted directory in/d",
                                      "created directory in/d", "unwatched in/d proc"}));
      unmount(home_.at("in/d"));
      watcher.sync();
      EXPECT_EQ(watcher.told(), (Told{"deleted directory in/d", "created directory in/d",
                                      "created file in/d/hidden"}));
      home_.append("in/d/hidden", "x");
      watcher.sync();
      EXPECT_EQ(watcher.told(), (Told{"modified file in/d/hidden"}));
    }
  });
}

TEST_F(PseudoFileSystemsTest, AsARootOneIsPolled) {
  apart([&](Watcher& watcher) {
    show_proc(home_.at("in/d"));
    EXPECT_EQ(watched(watcher, "in/d"), (Told{"polled in/d proc"}));
    EXPECT_GT(listed(watcher, "in/d"), 1U);
    EXPECT_GT(watcher.engine().info().polled, 0U);
    EXPECT_EQ(watcher.engine().info().watches, 0U);
  });
}

TEST_F(PseudoFileSystemsTest, AnotherBackendDoesAsItIsAsked) {
  for (const Backend backend : {Backend::poll, Backend::inotify}) {
    apart([&](Watcher& watcher) {
      show_proc(home_.at("in/d"));
      EXPECT_EQ(watched(watcher, "in", backend), Told{});
      EXPECT_GT(listed(watcher, "in/d"), 1U);
    });
  }
}

TEST_F(PseudoFileSystemsTest, AFileThatShowsPartOfOne) {
  apart([&](Watcher& watcher) {
    show_proc(home_.at("in/file"), "/proc/uptime");
    EXPECT_EQ(watched(watcher, "in"), (Told{"unwatched in/file proc"}));
    EXPECT_EQ(watcher.engine().info().polled, 0U);
    watcher.sync();
    EXPECT_EQ(watcher.told(), Told{});
    unmount(home_.at("in/file"));
    watcher.sync();
    EXPECT_EQ(watcher.told(), (Told{"modified file in/file"}));
  });
}

// To open a directory of autofs has the server mount what belongs there.
TEST_F(PseudoFileSystemsTest, ADirectoryThatWouldBeMountedByBeingOpenedIsNotOpened) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root mounts autofs";
  const auto body = [&]() -> int {
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
      return 0;
    }
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC | O_DIRECT | O_NONBLOCK), 0);
    // The server is of another process group than this one, which asks it.
    const pid_t server = ::fork();
    if (server == 0) {
      ::setpgid(0, 0);
      ::pause();
      std::_Exit(0);
    }
    ::setpgid(server, server);
    const std::string options = "fd=" + std::to_string(ends[1]) +
                                ",pgrp=" + std::to_string(server) + ",minproto=5,maxproto=5,direct";
    const bool mounted =
        ::mount("lookout-test", home_.at("in/d").c_str(), "autofs", 0, options.c_str()) == 0;
    if (mounted) {
      Watcher watcher(home_.path());
      EXPECT_EQ(watched(watcher, "in"), (Told{"unwatched in/d autofs"}));
      std::array<char, 1024> asked{};
      EXPECT_EQ(::read(ends[0], asked.data(), asked.size()), -1) << "the server was asked";
    }
    ::kill(server, SIGKILL);
    ::waitpid(server, nullptr, 0);
    return testing::Test::HasFailure() ? 1 : 0;
  };
  EXPECT_EXIT(std::_Exit(body()), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace lookout
