#include "watch/disk/path_watches.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <cstddef>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "support/unique_fd.h"
#include "watch/disk/path_walk.h"
#include "watch/own_mounts.h"
#include "watch/sources/inotify_source.h"
#include "watch/temp_directory.h"

namespace lookout {
namespace {

// Counts the watches that are asked for.
class CountingSource : public InotifySource {
 public:
  int watch_path(const char* path, NamesIn names) override {
    ++calls_;
    return InotifySource::watch_path(path, names);
  }
  int calls() { return std::exchange(calls_, 0); }

 private:
  int calls_ = 0;
};

class Follower : public PathFollower {
 public:
  void path_changed() override { ++notified_; }
  bool changed() { return notified() > 0; }
  int notified() { return std::exchange(notified_, 0); }

 private:
  int notified_ = 0;
};

class PathWatchesTest : public OwnMountsTest {
 protected:
  // These tests mount nothing, so they are not skipped where nothing can be mounted.
  void SetUp() override {}

  PathWatches::Resolution follow(const std::string& name) {
    return paths_.follow(follower_, home_.at(name));
  }
  // Whether an event since the last call may have changed where the path leads.
  bool changed() {
    source_.read([&](const Hint& hint) { paths_.take(hint); });
    return follower_.changed();
  }

  CountingSource source_;
  RemoteMounts mounts_;
  std::set<int> in_use_;
  PathWatches paths_{source_, mounts_, [this](int watch) { return in_use_.contains(watch); }};
  Follower follower_;
};

TEST_F(PathWatchesTest, NoticesThatADirectoryInThePathIsRenamed) {
  home_.directory("a/b/c");
  EXPECT_TRUE(follow("a/b/c").exists);
  home_.move("a/b", "a/elsewhere");
  EXPECT_TRUE(changed());
}

TEST_F(PathWatchesTest, ResolvesAPathAgainToWhereItLeadsNow) {
  home_.directory("a/b/c");
  home_.symlink("a", "link");
  EXPECT_EQ(follow("link/b/c").real, home_.at("a/b/c"));
  home_.move("a/b", "a/elsewhere");
  EXPECT_TRUE(changed());
  EXPECT_FALSE(follow("link/b/c").exists);
  EXPECT_FALSE(changed());
  home_.directory("a/b");
  EXPECT_TRUE(changed());  // the missing name was watched for
  EXPECT_FALSE(follow("link/b/c").exists);
  home_.directory("a/b/c");
  EXPECT_TRUE(changed());
  EXPECT_TRUE(follow("link/b/c").exists);
}

// Issue: a path through a regular file was followed as if it led on, without end.
TEST_F(PathWatchesTest, APathThroughAFileEndsThereUntilTheFileIsReplaced) {
  for (const bool linked : {false, true}) {
    const std::string name = linked ? "l" : "f";
    home_.write("file");
    if (linked) {
      home_.symlink("file", name);
    } else {
      home_.write(name);
    }
    changed();  // by what was reported before it was followed
    const auto resolution = follow(name + "/b/c");
    EXPECT_FALSE(resolution.exists);
    EXPECT_TRUE(resolution.stable);
    EXPECT_TRUE(resolution.watched);
    EXPECT_FALSE(changed());
    home_.remove(name);
    EXPECT_TRUE(changed());
  }
}

// A directory is replaced just before it is watched.
class ReplacingSource : public InotifySource {
 public:
  explicit ReplacingSource(const TempDirectory& home) : home_(home) {}
  int watch_path(const char* path, NamesIn names) override {
    if (path == home_.at("a/b") && std::exchange(first_, false)) {
      home_.remove("a/b");
      home_.write("a/b");
    }
    return InotifySource::watch_path(path, names);
  }

 private:
  const TempDirectory& home_;
  bool first_ = true;
};

TEST_F(PathWatchesTest, AComponentReplacedBeforeItWasWatchedIsResolvedAgain) {
  home_.directory("a/b");
  ReplacingSource source(home_);
  PathWatches paths(source, mounts_, [](int) { return false; });
  const auto resolution = paths.follow(follower_, home_.at("a/b/c"));
  EXPECT_FALSE(resolution.exists);
  EXPECT_TRUE(resolution.stable);
  home_.remove("a/b");
  source.read([&](const Hint& hint) { paths.take(hint); });
  EXPECT_TRUE(follower_.changed());
}

// a/b is another directory when its names are to be watched, and a file right after that.
class FleetingSource : public InotifySource {
 public:
  explicit FleetingSource(const TempDirectory& home) : home_(home) {}
  int watch_path(const char* path, NamesIn names) override {
    const bool replace =
        names == NamesIn::all && path == home_.at("a/b") && std::exchange(first_, false);
    if (replace) {
      home_.move("a/b", "before");
      home_.directory("a/b");
    }
    const int watch = InotifySource::watch_path(path, names);
    if (watch >= 0) watches_.insert(watch);
    if (replace) {
      home_.move("a/b", "after");
      home_.write("a/b");
    }
    return watch;
  }
  void unwatch(int watch) override {
    watches_.erase(watch);
    InotifySource::unwatch(watch);
  }
  const std::set<int>& watches() const { return watches_; }

 private:
  const TempDirectory& home_;
  bool first_ = true;
  std::set<int> watches_;
};

TEST_F(PathWatchesTest, TheWatchOfADirectoryThatWasThereForAMomentIsRemoved) {
  home_.directory("a/b");
  FleetingSource source(home_);
  PathWatches paths(source, mounts_, [](int) { return false; });
  EXPECT_FALSE(paths.follow(follower_, home_.at("a/b/c")).exists);
  paths.unfollow(follower_);
  EXPECT_EQ(source.watches(), std::set<int>{});
}

// A directory that never stays as it is.
class ChangingSource : public InotifySource {
 public:
  explicit ChangingSource(std::string path) : path_(std::move(path)) {}
  int watch_path(const char* path, NamesIn names) override {
    if (path != path_) return InotifySource::watch_path(path, names);
    errno = ENOENT;
    return -1;
  }

 private:
  std::string path_;
};

TEST_F(PathWatchesTest, APathThatChangesAllTheTimeIsLeftToATimer) {
  home_.directory("a/b");
  ChangingSource source(home_.at("a"));
  PathWatches paths(source, mounts_, [](int) { return false; });
  EXPECT_FALSE(paths.follow(follower_, home_.at("a/b")).stable);
}

// IN_DELETE_SELF comes when nothing holds the directory any more.
TEST_F(PathWatchesTest, P1NoticesThatADirectoryIsRemovedWhichAProcessHasOpen) {
  for (const bool watch_end : {false, true}) {
    home_.directory("a/b");
    ASSERT_TRUE(paths_.follow(follower_, home_.at("a/b"), watch_end).exists);
    const UniqueFd held(::open(home_.at("a/b").c_str(), O_PATH | O_CLOEXEC));
    EXPECT_FALSE(changed());
    home_.remove("a/b");
    EXPECT_TRUE(changed());
    home_.directory("a/b");
    ASSERT_TRUE(paths_.follow(follower_, home_.at("a/b"), watch_end).exists);
    EXPECT_FALSE(changed());
  }
}

TEST_F(PathWatchesTest, P1NoticesThatADirectoryAboveAMissingNameIsRemovedWhichAProcessHasOpen) {
  home_.directory("a/b");
  ASSERT_FALSE(paths_.follow(follower_, home_.at("a/b/c"), true).exists);
  const UniqueFd held(::open(home_.at("a/b").c_str(), O_PATH | O_CLOEXEC));
  home_.remove("a/b");
  EXPECT_TRUE(changed());
  home_.directory("a/b/c");
  EXPECT_TRUE(paths_.follow(follower_, home_.at("a/b/c"), true).exists);
}

TEST_F(PathWatchesTest, P1NoticesThatADirectoryBeforeDotsIsRemovedWhichAProcessHasOpen) {
  home_.directory("a");
  home_.directory("b/c");
  ASSERT_TRUE(paths_.follow(follower_, home_.at("b/c/../../a"), true).exists);
  const UniqueFd held(::open(home_.at("b/c").c_str(), O_PATH | O_CLOEXEC));
  home_.remove("b/c");
  EXPECT_TRUE(changed());
  EXPECT_FALSE(paths_.follow(follower_, home_.at("b/c/../../a"), true).exists);
}

// A directory is removed, and another one made, between its check and the watch of its name.
class RemovingSource : public InotifySource {
 public:
  explicit RemovingSource(const TempDirectory& home) : home_(home) {}
  int watch_path(const char* path, NamesIn names) override {
    if (names == NamesIn::deleted && std::exchange(first_, false)) {
      held_.reset(::open(home_.at("a/b").c_str(), O_PATH | O_CLOEXEC));
      home_.remove("a/b");
      home_.directory("a/b");
    }
    return InotifySource::watch_path(path, names);
  }

 private:
  const TempDirectory& home_;
  bool first_ = true;
  UniqueFd held_;
};

TEST_F(PathWatchesTest, P1ADirectoryThatIsReplacedBeforeItsNameIsWatchedIsNotTheOneThatIsWatched) {
  home_.directory("a/b");
  RemovingSource source(home_);
  PathWatches paths(source, mounts_, [](int) { return false; });
  const auto resolution = paths.follow(follower_, home_.at("a/b"), true);
  EXPECT_TRUE(resolution.exists && resolution.stable);
  const int watch = source.watch_path(home_.at("a/b").c_str(), NamesIn::none);
  EXPECT_TRUE(paths.has_watch(watch));
}

// The name of the removed directory is reported from the moment on when another path needs that.
TEST_F(PathWatchesTest, P1NoticesThatADirectoryWasRemovedBeforeItsNameIsWatchedForAnotherPath) {
  home_.directory("a/other");
  home_.directory("a/b");
  home_.write("a/b/c");
  ASSERT_TRUE(follow("a/b/c").exists);
  const UniqueFd held(::open(home_.at("a/b").c_str(), O_PATH | O_CLOEXEC));
  home_.remove("a/b");
  Follower other;
  ASSERT_TRUE(paths_.follow(other, home_.at("a/other")).exists);
  EXPECT_TRUE(changed());
  EXPECT_EQ(follow("a/b/c").real, home_.at("a"));
  home_.directory("a/b");
  home_.write("a/b/c");
  EXPECT_TRUE(changed());
  EXPECT_TRUE(follow("a/b/c").exists);
}

TEST_F(PathWatchesTest, EachOfManyFollowersOfOnePathIsNotifiedUntilItFollowsAnother) {
  home_.directory("a/b/c");
  std::vector<Follower> followers(64);
  for (Follower& follower : followers) paths_.follow(follower, home_.at("a/b/c"));
  for (std::size_t i = 0; i < followers.size(); ++i) {
    Follower& follower = followers[i * 13 % followers.size()];
    if (i % 3 == 0) paths_.unfollow(follower);
    if (i % 3 == 1) paths_.follow(follower, home_.at("a"));
  }
  home_.move("a/b", "a/elsewhere");
  changed();
  for (std::size_t i = 0; i < followers.size(); ++i) {
    EXPECT_EQ(followers[i * 13 % followers.size()].notified(), i % 3 == 2 ? 1 : 0) << i;
  }
}

TEST_F(PathWatchesTest, NamesBesideTheEndOfAPathAreReportedOnlyWhenTheyAreDeleted) {
  home_.directory("a/b");
  paths_.follow(follower_, home_.at("a/b"), true);
  home_.write("a/other");
  int hints = 0;
  source_.read([&](const Hint&) { ++hints; });
  EXPECT_EQ(hints, 0);
}

TEST_F(PathWatchesTest, IsNotConcernedByOtherNames) {
  home_.directory("a/b/c");
  EXPECT_TRUE(follow("a/b/c").watched);
  home_.directory("a/other");
  home_.write("a/b/file");
  home_.remove("a/other");
  EXPECT_FALSE(changed());
  home_.move("a/b", "a/elsewhere");
  EXPECT_TRUE(changed());
}

TEST_F(PathWatchesTest, NoticesThatALinkInThePathIsSwitched) {
  home_.directory("one/c");
  home_.directory("two/c");
  home_.symlink("one", "link");
  follow("link/c");
  home_.symlink("two", "link~");
  home_.move("link~", "link");
  EXPECT_TRUE(changed());
  EXPECT_EQ(follow("link/c").real, home_.at("two/c"));
}

TEST_F(PathWatchesTest, FollowsLinksToWhereTheyLead) {
  home_.directory("real/deep/c");
  home_.symlink("../real/deep", "real/link");
  follow("real/link/c");
  home_.move("real/deep", "real/elsewhere");
  EXPECT_TRUE(changed());
}

TEST_F(PathWatchesTest, FollowsAbsoluteLinks) {
  home_.directory("real/deep/c");
  home_.symlink(home_.at("real/deep"), "link");
  follow("link/c");
  home_.move("real/deep", "real/elsewhere");
  EXPECT_TRUE(changed());
}

TEST_F(PathWatchesTest, ComesToAnEndInALoopOfLinks) {
  home_.symlink("two", "one");
  home_.symlink("one", "two");
  follow("one/c");
  home_.remove("one");
  EXPECT_TRUE(changed());
}

// Links that lead to links, each with some 150 components, are followed through 400 in all
// (kMaxStepsOfPath). A resolution through thousands would delay everything else for seconds.
TEST_F(PathWatchesTest, P5AResolutionThroughLinksOfManyComponentsEndsAfter400AndIsNotWatched) {
  constexpr int kLinks = 3;
  constexpr int kDepth = 150;
  const std::string below = [] {
    std::string path;
    for (int i = 0; i < kDepth; ++i) path += "/a";
    return path;
  }();
  home_.directory("0" + below);
  for (int i = 1; i <= kLinks; ++i) {
    const std::string top = std::to_string(i);
    home_.directory(top + below);
    home_.symlink(home_.at(std::to_string(i - 1) + below + (i == 1 ? "" : "/l")),
                  top + below + "/l");
  }
  home_.symlink(home_.at("3" + below + "/l"), "link");
  const auto resolution = follow("link");
  EXPECT_FALSE(resolution.exists);
  EXPECT_FALSE(resolution.watched);  // so that it is polled
  EXPECT_TRUE(resolution.stable);
  EXPECT_LE(source_.calls(), kMaxStepsOfPath + 50);
  EXPECT_TRUE(mounts_.resolve(home_.at("link")).too_long);
  EXPECT_TRUE(follow("0" + below).exists);  // within the bound
}

TEST_F(PathWatchesTest, TheDirectoryAtTheEndIsWatchedWhereAskedFor) {
  home_.directory("a/b");
  follow("a/b");
  home_.move("a/b", "a/c");
  EXPECT_FALSE(changed());
  home_.move("a/c", "a/b");
  paths_.follow(follower_, home_.at("a/b"), true);
  home_.move("a/b", "a/c");
  EXPECT_TRUE(changed());
}

TEST_F(PathWatchesTest, AFollowerThatIsGoneIsNotNotified) {
  home_.directory("a/b");
  EXPECT_TRUE(follow("a/b").watched);
  paths_.unfollow(follower_);
  home_.move("a", "elsewhere");
  EXPECT_FALSE(changed());
}

TEST_F(PathWatchesTest, LeavesTheWatchesThatAreInUse) {
  home_.directory("a/b");
  const int used = source_.watch_path(home_.at("a").c_str(), NamesIn::all);
  in_use_.insert(used);
  follow("a/b");
  EXPECT_TRUE(paths_.has_watch(used));
  paths_.unfollow(follower_);
  EXPECT_FALSE(paths_.has_watch(used));
  home_.write("a/x");
  bool reported = false;
  source_.read(
      [&](const Hint& hint) { reported = reported || (hint.watch == used && hint.name == "x"); });
  EXPECT_TRUE(reported);
}

TEST_F(PathWatchesTest, WhatOtherPathsHaveInCommonIsNotWatchedAgain) {
  home_.directory("a/b/c/d");
  home_.directory("a/b/c/e");
  follow("a/b/c/d");
  source_.calls();
  Follower second;
  paths_.follow(second, home_.at("a/b/c/e"));
  EXPECT_EQ(source_.calls(), 0);
  home_.move("a/b", "a/elsewhere");
  EXPECT_TRUE(changed());
  EXPECT_TRUE(second.changed());
  paths_.unfollow(second);
}

TEST_F(PathWatchesTest, OnlyThosePathsAreConcernedThatLeadThere) {
  home_.directory("a/b/c");
  home_.directory("a/d/c");
  follow("a/b/c");
  Follower second;
  paths_.follow(second, home_.at("a/d/c"));
  home_.move("a/d", "a/elsewhere");
  EXPECT_FALSE(changed());
  EXPECT_TRUE(second.changed());
  paths_.unfollow(second);
}

// Each event of a directory that many paths lead through went through all of them.
TEST_F(PathWatchesTest, P5OnlyTheFirstOfManyEventsOfAPlaceGoesThroughThePathsBelowIt) {
  constexpr std::size_t kPaths = 20;
  in_use_.insert(
      source_.watch_path(home_.path().c_str(), NamesIn::all));  // reports each rename in it
  std::vector<Follower> followers(kPaths);
  for (std::size_t i = 0; i < kPaths; ++i) {
    home_.directory("a/b/d" + std::to_string(i));
    paths_.follow(followers[i], home_.at("a/b/d" + std::to_string(i)), true);
  }
  for (int i = 0; i < 50; ++i) {
    for (const char* place : {"a", "a/b"}) {
      home_.move(place, "away");
      home_.move("away", place);
    }
  }
  EXPECT_FALSE(changed());
  for (Follower& follower : followers) EXPECT_EQ(follower.notified(), 1);
  EXPECT_LE(paths_.visited(), 2 * (kPaths + 2));
  // A path that was followed again is concerned again, and only that one.
  EXPECT_TRUE(paths_.follow(followers[3], home_.at("a/b/d3"), true).exists);
  home_.move("a", "away");
  EXPECT_FALSE(changed());
  for (Follower& follower : followers) {
    EXPECT_EQ(follower.notified(), &follower == &followers[3] ? 1 : 0);
    paths_.unfollow(follower);
  }
}

// The names that sort between a place and what is below it were gone through as well.
TEST_F(PathWatchesTest, P5AnEventGoesThroughNoPlaceBesideItsOwn) {
  home_.directory("a/b");
  std::vector<Follower> others(20);
  for (std::size_t i = 0; i < others.size(); ++i) {
    home_.directory("a-" + std::to_string(i) + "/b");
    paths_.follow(others[i], home_.at("a-" + std::to_string(i) + "/b"), true);
  }
  paths_.follow(follower_, home_.at("a/b"), true);
  home_.move("a", "away");
  EXPECT_TRUE(changed());
  EXPECT_EQ(paths_.visited(), 2U);
  for (Follower& other : others) {
    EXPECT_FALSE(other.changed());
    paths_.unfollow(other);
  }
}

TEST_F(PathWatchesTest, P1APathIsConcernedByTheFirstChangeAfterItWasFollowedAgain) {
  home_.directory("a/b/c");
  follow("a/b/c");
  for (const char* place : {"a", "a/b", "a/b/c", "a/b", "a"}) {
    home_.move(place, "away");
    EXPECT_TRUE(changed()) << place;
    EXPECT_FALSE(follow("a/b/c").exists);
    home_.move("away", place);
    EXPECT_TRUE(changed()) << place;
    EXPECT_TRUE(paths_.follow(follower_, home_.at("a/b/c"), true).exists);
  }
}

TEST_F(PathWatchesTest, AMountConcernsThePathsThatLeadThere) {
  home_.directory("a/b/c");
  home_.directory("a/b!");
  follow("a/b/c");
  Follower second;
  paths_.follow(second, home_.at("a/b!"));
  paths_.invalidate(home_.at("a/b"));
  EXPECT_TRUE(changed());
  EXPECT_FALSE(second.changed());
  follow("a/b/c");
  paths_.invalidate(home_.at("a/b/c"));
  EXPECT_TRUE(changed());
  paths_.unfollow(second);
}

TEST_F(PathWatchesTest, AnotherDirectoryAtAPlaceIsNoticedWithoutAnEvent) {
  home_.directory("a/b");
  home_.directory("other/b");
  follow("a/b/c");
  paths_.verify(home_.at("a"));
  EXPECT_FALSE(changed());
  home_.move("a", "away");
  home_.move("other", "a");
  source_.read([](const Hint&) {});  // as if none had come
  paths_.verify(home_.at("a"));
  EXPECT_TRUE(changed());
}

// The directories below kept the watches of those that had been there.
TEST_F(PathWatchesTest, P1WhatIsBelowAnotherDirectoryAtAPlaceIsWatchedAnew) {
  home_.directory("a/b/c");
  home_.directory("other/b/c");
  follow("a/b/c/d");
  home_.move("a", "away");
  home_.move("other", "a");
  source_.read([](const Hint&) {});  // as if none had come
  paths_.verify(home_.at("a"));
  EXPECT_TRUE(changed());
  EXPECT_FALSE(follow("a/b/c/d").exists);
  home_.directory("away/b/c/d");
  EXPECT_FALSE(changed());
  home_.directory("a/b/c/d");
  EXPECT_TRUE(changed());
}

TEST_F(PathWatchesTest, OnlyResolutionsSinceTheLastConfirmationAreDoubted) {
  home_.directory("a/b");
  follow("a/b");
  paths_.confirm();
  paths_.invalidate_unconfirmed();
  EXPECT_FALSE(changed());
  follow("a/b");
  paths_.invalidate_unconfirmed();
  EXPECT_TRUE(changed());
  paths_.invalidate_unconfirmed();
  EXPECT_FALSE(changed());
  follow("a/b");
  paths_.unfollow(follower_);
  paths_.invalidate_unconfirmed();
  EXPECT_FALSE(changed());
}

class MountedPathsTest : public PathWatchesTest {
 protected:
  void SetUp() override { OwnMountsTest::SetUp(); }
};

TEST_F(MountedPathsTest, WhatWasMountedForAMomentIsNotFollowedAnyMore) {
  home_.directory("a/b");
  home_.directory("other/b");
  apart([&] {
    follow("a/b");
    paths_.confirm();
    ASSERT_EQ(::mount(home_.at("other").c_str(), home_.at("a").c_str(), nullptr, MS_BIND, nullptr),
              0);
    paths_.invalidate(home_.at("a"));
    EXPECT_TRUE(changed());
    follow("a/b");
    unmount(home_.at("a"));
    EXPECT_FALSE(changed());
    paths_.invalidate_unconfirmed();
    EXPECT_TRUE(changed());
    follow("a/b");
    home_.move("other", "elsewhere");
    EXPECT_FALSE(changed());
    home_.move("a", "away");
    EXPECT_TRUE(changed());
  });
}

TEST_F(PathWatchesTest, AfterLostEventsAllAreConcernedAndWatchedAnew) {
  home_.directory("a/b");
  follow("a/b");
  paths_.invalidate_all();
  EXPECT_TRUE(changed());
  follow("a/b");
  home_.move("a", "elsewhere");
  EXPECT_TRUE(changed());
}

}  // namespace
}  // namespace lookout
