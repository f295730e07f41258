#include "watch/disk/path_watches.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <utility>

#include "watch/sources/inotify_source.h"
#include "watch/temp_directory.h"

namespace lookout {
namespace {

// Counts the watches that are asked for.
class CountingSource : public InotifySource {
 public:
  int watch_place(const char* path, bool entries) override {
    ++calls_;
    return InotifySource::watch_place(path, entries);
  }
  int calls() { return std::exchange(calls_, 0); }

 private:
  int calls_ = 0;
};

class Follower : public PathFollower {
 public:
  void path_changed() override { changed_ = true; }
  bool changed() { return std::exchange(changed_, false); }

 private:
  bool changed_ = false;
};

class PathWatchesTest : public testing::Test {
 protected:
  PathWatches::Resolution follow(const std::string& name) {
    return paths_.follow(follower_, home_.at(name));
  }
  // Whether the path may lead elsewhere by what has been reported since the last question.
  bool changed() {
    source_.read([&](const Hint& hint) { paths_.take(hint); });
    return follower_.changed();
  }

  TempDirectory home_;
  CountingSource source_;
  RemoteMounts mounts_;
  std::set<int> in_use_;
  PathWatches paths_{source_, mounts_, [this](int watch) { return in_use_.contains(watch); }};
  Follower follower_;
};

TEST_F(PathWatchesTest, NoticesThatADirectoryInThePathIsRenamed) {
  home_.directory("a/b/c");
  EXPECT_TRUE(follow("a/b/c").whole);
  home_.move("a/b", "a/elsewhere");
  EXPECT_TRUE(changed());
}

TEST_F(PathWatchesTest, ResolvesAPathAgainToWhereItLeadsNow) {
  home_.directory("a/b/c");
  home_.symlink("a", "link");
  EXPECT_EQ(follow("link/b/c").real, home_.at("a/b/c"));
  home_.move("a/b", "a/elsewhere");
  EXPECT_TRUE(changed());
  EXPECT_FALSE(follow("link/b/c").whole);
  EXPECT_FALSE(changed());
  home_.directory("a/b");
  EXPECT_TRUE(changed());  // the missing name was watched for
  EXPECT_FALSE(follow("link/b/c").whole);
  home_.directory("a/b/c");
  EXPECT_TRUE(changed());
  EXPECT_TRUE(follow("link/b/c").whole);
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
    EXPECT_FALSE(resolution.whole);
    EXPECT_TRUE(resolution.settled);
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
  int watch_place(const char* path, bool entries) override {
    if (path == home_.at("a/b") && std::exchange(first_, false)) {
      home_.remove("a/b");
      home_.write("a/b");
    }
    return InotifySource::watch_place(path, entries);
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
  EXPECT_FALSE(resolution.whole);
  EXPECT_TRUE(resolution.settled);
  home_.remove("a/b");
  source.read([&](const Hint& hint) { paths.take(hint); });
  EXPECT_TRUE(follower_.changed());
}

// a/b is another directory when its names are to be watched, and a file right after that.
class FleetingSource : public InotifySource {
 public:
  explicit FleetingSource(const TempDirectory& home) : home_(home) {}
  int watch_place(const char* path, bool entries) override {
    const bool replace = entries && path == home_.at("a/b") && std::exchange(first_, false);
    if (replace) {
      home_.move("a/b", "before");
      home_.directory("a/b");
    }
    const int watch = InotifySource::watch_place(path, entries);
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
  EXPECT_FALSE(paths.follow(follower_, home_.at("a/b/c")).whole);
  paths.unfollow(follower_);
  EXPECT_EQ(source.watches(), std::set<int>{});
}

// A directory that never stays as it is.
class ChangingSource : public InotifySource {
 public:
  explicit ChangingSource(std::string path) : path_(std::move(path)) {}
  int watch_place(const char* path, bool entries) override {
    if (path != path_) return InotifySource::watch_place(path, entries);
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
  EXPECT_FALSE(paths.follow(follower_, home_.at("a/b")).settled);
}

TEST_F(PathWatchesTest, IsNotConcernedByOtherNames) {
  home_.directory("a/b/c");
  follow("a/b/c");
  home_.directory("a/other");
  home_.write("a/b/file");
  home_.remove("a/other");
  EXPECT_FALSE(changed());
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

// Chained links whose targets have thousands of components took seconds, in which nothing else was
// done.
TEST_F(PathWatchesTest, P5AResolutionThroughLinksOfManyComponentsEndsAfterAFewAndIsNotWatched) {
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
  EXPECT_FALSE(resolution.whole);
  EXPECT_FALSE(resolution.watched);  // so that it is polled
  EXPECT_TRUE(resolution.settled);
  EXPECT_LE(source_.calls(), 450);
  EXPECT_TRUE(mounts_.resolve(home_.at("link")).too_long);
  EXPECT_TRUE(follow("0" + below).whole);  // within the bound
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
  follow("a/b");
  paths_.unfollow(follower_);
  home_.move("a", "elsewhere");
  EXPECT_FALSE(changed());
}

TEST_F(PathWatchesTest, LeavesTheWatchesThatAreInUse) {
  home_.directory("a/b");
  const int used = source_.watch_place(home_.at("a").c_str(), true);
  in_use_.insert(used);
  follow("a/b");
  EXPECT_TRUE(paths_.holds(used));
  paths_.unfollow(follower_);
  EXPECT_FALSE(paths_.holds(used));
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

TEST_F(PathWatchesTest, AMountConcernsThePathsThatLeadThere) {
  home_.directory("a/b/c");
  home_.directory("a/b!");
  follow("a/b/c");
  Follower second;
  paths_.follow(second, home_.at("a/b!"));
  paths_.doubt(home_.at("a/b"));
  EXPECT_TRUE(changed());
  EXPECT_FALSE(second.changed());
  follow("a/b/c");
  paths_.doubt(home_.at("a/b/c"));
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

TEST_F(PathWatchesTest, AfterLostEventsAllAreConcernedAndWatchedAnew) {
  home_.directory("a/b");
  follow("a/b");
  paths_.doubt_all();
  EXPECT_TRUE(changed());
  follow("a/b");
  home_.move("a", "elsewhere");
  EXPECT_TRUE(changed());
}

}  // namespace
}  // namespace lookout
