#include "watch/place_watches.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "watch/inotify_source.h"
#include "watch/temp_directory.h"

namespace lookout {
namespace {

class PlaceWatchesTest : public testing::Test {
 protected:
  // Whether something that has come in since the last question may change where the paths lead.
  bool concerned() {
    bool any = false;
    source_.read([&](const Hint& hint) { any = any || places_.concerns(hint); });
    return any;
  }

  TempDirectory home_;
  InotifySource source_;
  RemoteMounts mounts_;
  PlaceWatches places_{source_, mounts_};
};

TEST_F(PlaceWatchesTest, NoticesThatADirectoryOnTheWayIsRenamed) {
  home_.directory("a/b/c");
  places_.follow(home_.at("a/b/c"));
  home_.move("a/b", "a/elsewhere");
  EXPECT_TRUE(concerned());
}

TEST_F(PlaceWatchesTest, SaysWhetherAPathLeadsElsewhereThanWhenItWasFollowed) {
  home_.directory("a/b/c");
  EXPECT_TRUE(places_.follow(home_.at("a/b/c")));
  EXPECT_FALSE(places_.follow(home_.at("a/b/c")));
  home_.move("a/b", "a/elsewhere");
  EXPECT_TRUE(places_.follow(home_.at("a/b/c")));  // now b is waited for
  EXPECT_FALSE(places_.follow(home_.at("a/b/c")));
  home_.directory("a/b");
  EXPECT_TRUE(places_.follow(home_.at("a/b/c")));
}

// A directory goes just before it is watched.
class GoingSource : public InotifySource {
 public:
  explicit GoingSource(const TempDirectory& home) : home_(home) {}
  int watch_place(const char* path, bool entries) override {
    if (path == home_.at(goes_)) home_.remove(std::exchange(goes_, ""));
    return InotifySource::watch_place(path, entries);
  }

 private:
  const TempDirectory& home_;
  std::string goes_ = "a/b";
};

TEST_F(PlaceWatchesTest, SaysThatAStepHasGoneWhileItWasFollowed) {
  home_.directory("a/b/c");
  GoingSource source(home_);
  PlaceWatches places(source, mounts_);
  places.follow(home_.at("a/b"));
  EXPECT_TRUE(places.follow(home_.at("a/b/c")));
  EXPECT_TRUE(places.follow(home_.at("a/b/c")));  // now its name is waited for
  EXPECT_FALSE(places.follow(home_.at("a/b/c")));
}

TEST_F(PlaceWatchesTest, IsNotConcernedByOtherNames) {
  home_.directory("a/b/c");
  places_.follow(home_.at("a/b/c"));
  home_.directory("a/other");
  home_.write("a/b/file");
  home_.remove("a/other");
  EXPECT_FALSE(concerned());
}

TEST_F(PlaceWatchesTest, NoticesThatAMissingStepAppears) {
  home_.directory("a");
  places_.follow(home_.at("a/b/c"));
  home_.directory("a/other");
  EXPECT_FALSE(concerned());
  home_.directory("a/b");
  EXPECT_TRUE(concerned());
}

TEST_F(PlaceWatchesTest, NoticesThatALinkOnTheWayIsSwitched) {
  home_.directory("one/c");
  home_.directory("two/c");
  home_.symlink("one", "link");
  places_.follow(home_.at("link/c"));
  home_.symlink("two", "link~");
  home_.move("link~", "link");
  EXPECT_TRUE(concerned());
}

TEST_F(PlaceWatchesTest, FollowsLinksToWhereTheyLead) {
  home_.directory("real/deep/c");
  home_.symlink("../real/deep", "real/link");
  places_.follow(home_.at("real/link/c"));
  home_.move("real/deep", "real/elsewhere");
  EXPECT_TRUE(concerned());
}

TEST_F(PlaceWatchesTest, FollowsAbsoluteLinks) {
  home_.directory("real/deep/c");
  home_.symlink(home_.at("real/deep"), "link");
  places_.follow(home_.at("link/c"));
  home_.move("real/deep", "real/elsewhere");
  EXPECT_TRUE(concerned());
}

TEST_F(PlaceWatchesTest, ComesToAnEndInALoopOfLinks) {
  home_.symlink("two", "one");
  home_.symlink("one", "two");
  places_.follow(home_.at("one/c"));
  home_.remove("one");
  EXPECT_TRUE(concerned());
}

TEST_F(PlaceWatchesTest, ForgetsWhatIsCleared) {
  home_.directory("a/b");
  places_.follow(home_.at("a/b"));
  places_.clear([](int) { return false; });
  home_.move("a", "elsewhere");
  EXPECT_FALSE(concerned());
}

TEST_F(PlaceWatchesTest, LeavesTheWatchesThatAreInUse) {
  home_.directory("a/b");
  const int used = source_.watch_place(home_.at("a").c_str(), true);
  places_.follow(home_.at("a/b"));
  EXPECT_TRUE(places_.holds(used));
  places_.clear([&](int watch) { return watch == used; });
  EXPECT_FALSE(places_.holds(used));
  home_.write("a/x");
  bool told = false;
  source_.read([&](const Hint& hint) { told = told || (hint.watch == used && hint.name == "x"); });
  EXPECT_TRUE(told);
}

}  // namespace
}  // namespace lookout
