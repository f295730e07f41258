// Regular files that are mount points: a bind mount of a file, as containers have them. A write is
// an event of the directory that the file was mounted from, not of the one that it shows in (P1).
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "watch/disk/confinement.h"
#include "watch/engine_test.h"
#include "watch/own_mounts.h"

namespace lookout {
namespace {

class MountedFilesTest : public OwnMountsTest {
 protected:
  void SetUp() override {
    OwnMountsTest::SetUp();
    home_.directory("host");
    home_.directory("app/sub");
    home_.write("host/c", "host");
    home_.write("app/c", "below");
    home_.write("app/other");
  }

  void bind(const std::string& from, const std::string& to) {
    EXPECT_EQ(::mount(home_.at(from).c_str(), home_.at(to).c_str(), nullptr, MS_BIND, nullptr), 0);
  }

  // Runs `body` where it may mount.
  template <class Body>
  void apart(Body body) {
    OwnMountsTest::apart([&] {
      Watcher watcher(home_.path());
      body(watcher);
    });
  }

  void watch(Watcher& watcher, const std::vector<std::string>& names,
             const WatchOptions& options = {}) {
    std::vector<std::string> paths;
    for (const std::string& name : names) paths.push_back(home_.at(name));
    ASSERT_EQ(watcher.watch(paths, options), std::nullopt);
    watcher.sync();
    watcher.told();
  }

  static Told synced(Watcher& watcher) {
    watcher.sync();
    return watcher.told();
  }

  // Each kind of change of a file that shows at `name` and was mounted from `source`.
  void expect_reported(Watcher& watcher, const std::string& name = "app/c",
                       const std::string& source = "host/c") {
    let_a_tick_pass();
    home_.append(source, "x");
    EXPECT_EQ(synced(watcher), (Told{"modified file " + name}));
    home_.append(name, "y");
    EXPECT_EQ(synced(watcher), (Told{"modified file " + name}));
    home_.set_mode(source, 0600);
    EXPECT_EQ(synced(watcher), (Told{"attributes file " + name}));
    home_.set_mode(name, 0644);
    EXPECT_EQ(synced(watcher), (Told{"attributes file " + name}));
  }
};

TEST_F(MountedFilesTest, AWriteToAFileThatIsAMountPointIsReported) {
  apart([&](Watcher& watcher) {
    bind("host/c", "app/c");
    watch(watcher, {"app"});
    expect_reported(watcher);
    EXPECT_EQ(watcher.engine().info().watches, 3U) << "two directories and the file";
  });
}

// A file that is mounted into an allowed directory may be any file of the machine.
TEST_F(MountedFilesTest, AFileOfAnotherMountHasNoWatchWhereOnlyOneDirectoryIsAllowed) {
  apart([&](Watcher& watcher) {
    bind("host/c", "app/c");
    ASSERT_EQ(confine({home_.at("app")}), std::nullopt);
    watch(watcher, {"app"});
    EXPECT_EQ(watcher.engine().info().watches, 2U) << "the directories";
    home_.append("host/c", "x");
    EXPECT_EQ(synced(watcher), Told{});
    home_.append("app/other", "x");
    EXPECT_EQ(synced(watcher), (Told{"modified file app/other"}));
  });
}

TEST_F(MountedFilesTest, ItNeedsNoSync) {
  apart([&](Watcher& watcher) {
    bind("host/c", "app/c");
    watch(watcher, {"app"});
    home_.append("host/c", "x");
    watcher.until("it is told", [&] { return watcher.has_told("modified file app/c"); });
  });
}

TEST_F(MountedFilesTest, AMountPointThatIsTheRootItself) {
  apart([&](Watcher& watcher) {
    bind("host/c", "app/c");
    watch(watcher, {"app/c"});
    expect_reported(watcher);
  });
}

// To mark a file system takes privileges that a user namespace does not give.
TEST_F(MountedFilesTest, WithFanotify) {
  if (::geteuid() != 0) GTEST_SKIP() << "fanotify takes privileges";
  const auto body = [&]() -> int {
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
      return 0;
    }
    bind("host/c", "app/c");
    WatchOptions options;
    options.backend = Backend::fanotify;
    Watcher watcher(home_.path());
    if (watcher.watch({home_.at("app")}, options)) return 0;  // not permitted here
    expect_reported(watcher);
    return testing::Test::HasFailure() ? 1 : 0;
  };
  EXPECT_EXIT(std::_Exit(body()), testing::ExitedWithCode(0), "");
}

TEST_F(MountedFilesTest, WithPolling) {
  apart([&](Watcher& watcher) {
    bind("host/c", "app/c");
    WatchOptions options;
    options.backend = Backend::poll;
    let_a_tick_pass();
    watch(watcher, {"app"}, options);
    let_a_tick_pass();
    home_.append("host/c", "x");
    EXPECT_EQ(synced(watcher), (Told{"modified file app/c"}));
  });
}

TEST_F(MountedFilesTest, MountedAndUnmountedWhileItIsWatched) {
  apart([&](Watcher& watcher) {
    watch(watcher, {"app"});
    for (int i = 0; i < 2; ++i) {
      bind("host/c", "app/c");
      EXPECT_EQ(synced(watcher), (Told{"modified file app/c"}));
      expect_reported(watcher);
      unmount(home_.at("app/c"));
      EXPECT_EQ(synced(watcher), (Told{"modified file app/c"}));
      home_.append("host/c", "x");
      EXPECT_EQ(synced(watcher), Told{});
      home_.append("app/c", "x");
      EXPECT_EQ(synced(watcher), (Told{"modified file app/c"}));
      EXPECT_EQ(watcher.engine().info().watches, 2U);
    }
  });
}

TEST_F(MountedFilesTest, MountedAndUnmountedWhereItIsTheRootItself) {
  apart([&](Watcher& watcher) {
    watch(watcher, {"app/c"});
    bind("host/c", "app/c");
    EXPECT_EQ(synced(watcher), (Told{"modified file app/c"}));
    expect_reported(watcher);
    unmount(home_.at("app/c"));
    EXPECT_EQ(synced(watcher), (Told{"modified file app/c"}));
  });
}

TEST_F(MountedFilesTest, OfWhatIsNoRegularFileOnlyTheAttributesCount) {
  EXPECT_EQ(::mkfifo(home_.at("host/fifo").c_str(), 0600), 0);
  apart([&](Watcher& watcher) {
    EXPECT_EQ(::mount("/dev/null", home_.at("app/c").c_str(), nullptr, MS_BIND, nullptr), 0);
    bind("host/fifo", "app/other");
    watch(watcher, {"app"});
    std::ofstream("/dev/null") << 'x' << std::flush;
    EXPECT_EQ(synced(watcher), Told{});
    home_.set_mode("host/fifo", 0644);
    EXPECT_EQ(synced(watcher), (Told{"attributes other app/other"}));
  });
}

TEST_F(MountedFilesTest, AnotherMountOverTheFirstIsWatchedInItsPlace) {
  home_.write("host/d", "d");
  apart([&](Watcher& watcher) {
    bind("host/c", "app/c");
    watch(watcher, {"app"});
    bind("host/d", "app/c");
    EXPECT_EQ(synced(watcher), (Told{"modified file app/c"}));
    expect_reported(watcher, "app/c", "host/d");
    home_.append("host/c", "x");
    EXPECT_EQ(synced(watcher), Told{});
    unmount(home_.at("app/c"));
    EXPECT_EQ(synced(watcher), (Told{"modified file app/c"}));
    expect_reported(watcher);
  });
}

TEST_F(MountedFilesTest, TheSourceMayShowAtSeveralPlacesAndInTheTreeItself) {
  home_.write("app/sub/c");
  apart([&](Watcher& watcher) {
    bind("app/other", "app/c");
    bind("app/other", "app/sub/c");
    watch(watcher, {"app"});
    const Told all{"modified file app/c", "modified file app/other", "modified file app/sub/c"};
    home_.append("app/other", "x");
    EXPECT_EQ(sorted(synced(watcher)), all);
    home_.append("app/c", "x");
    EXPECT_EQ(sorted(synced(watcher)), all);
    unmount(home_.at("app/c"));
    EXPECT_EQ(synced(watcher), (Told{"modified file app/c"}));
    home_.append("app/sub/c", "x");
    EXPECT_EQ(sorted(synced(watcher)),
              (Told{"modified file app/other", "modified file app/sub/c"}));
  });
}

TEST_F(MountedFilesTest, BelowARootThatIsWatchedWithoutRecursionAndInNestedRoots) {
  home_.write("app/sub/c");
  apart([&](Watcher& watcher) {
    bind("host/c", "app/c");
    bind("host/c", "app/sub/c");
    WatchOptions options;
    options.recursive = false;
    watch(watcher, {"app"}, options);
    expect_reported(watcher);
    EXPECT_EQ(watcher.watch({home_.at("app/sub")}), std::nullopt);
    watcher.sync();
    watcher.told();
    home_.append("host/c", "x");
    EXPECT_EQ(sorted(synced(watcher)), (Told{"modified file app/c", "modified file app/sub/c"}));
    EXPECT_EQ(watcher.unwatch(home_.at("app")), std::nullopt);
    synced(watcher);
    home_.append("host/c", "x");
    EXPECT_EQ(sorted(synced(watcher)), (Told{"modified file app/sub/c"}));
  });
}

TEST_F(MountedFilesTest, OnlyWhereItIsVisible) {
  apart([&](Watcher& watcher) {
    bind("host/c", "app/c");
    WatchOptions options;
    options.ignore = {"c"};
    watch(watcher, {"app"}, options);
    home_.append("host/c", "x");
    EXPECT_EQ(synced(watcher), Told{});
    EXPECT_EQ(watcher.engine().info().watches, 2U);
    EXPECT_EQ(watcher.unwatch(home_.at("app")), std::nullopt);
    options.ignore.clear();
    options.only = {"c"};
    watch(watcher, {"app"}, options);
    expect_reported(watcher);
  });
}

TEST_F(MountedFilesTest, AGitignoreFileThatIsAMountPointCountsAsItChanges) {
  home_.write("host/ignore", "nothing\n");
  home_.write("app/.gitignore");
  apart([&](Watcher& watcher) {
    bind("host/ignore", "app/.gitignore");
    WatchOptions options;
    options.gitignore = true;
    options.only = {"c", "other"};  // it is not visible itself
    watch(watcher, {"app"}, options);
    home_.append("host/ignore", "other\n");
    EXPECT_EQ(synced(watcher), (Told{"deleted file app/other"}));
    home_.write("host/ignore", "c\n");
    EXPECT_EQ(sorted(synced(watcher)), (Told{"created file app/other", "deleted file app/c"}));
  });
}

TEST_F(MountedFilesTest, BeyondTheWatchLimitItIsPolledAndThatIsSaid) {
  home_.remove("app/sub");
  apart([&](Watcher& watcher) {
    const char* const limit = "/proc/sys/user/max_inotify_watches";
    bind("host/c", "app/c");
    const auto set_limit = [limit](int watches) {
      std::ofstream file(limit);
      file << watches << std::flush;
      return file.good();
    };
    watch(watcher, {"app"});
    const std::uint64_t used = watcher.engine().info().watches;
    EXPECT_EQ(watcher.unwatch(home_.at("app")), std::nullopt);
    synced(watcher);
    // Those above the root are watched as well, for its own move.
    for (int watches = 1; watches < 64; ++watches) {
      ASSERT_TRUE(set_limit(watches));
      WatchOptions options;
      options.backend = Backend::inotify;
      ASSERT_EQ(watcher.watch({home_.at("app")}, options), std::nullopt);
      watcher.sync();
      if (watcher.engine().info().watches + 1 == used) break;
      ASSERT_EQ(watcher.unwatch(home_.at("app")), std::nullopt);
      synced(watcher);
    }
    EXPECT_TRUE(watcher.has_told("watch_limit app/c")) << testing::PrintToString(watcher.peek());
    EXPECT_EQ(watcher.engine().info().polled, 1U);
    watcher.told();
    let_a_tick_pass();
    home_.append("host/c", "x");
    EXPECT_EQ(synced(watcher), (Told{"modified file app/c"}));
    ASSERT_TRUE(set_limit(10000));
    synced(watcher);
    EXPECT_EQ(watcher.engine().info().polled, 0U);
    expect_reported(watcher);
  });
}

}  // namespace
}  // namespace lookout
