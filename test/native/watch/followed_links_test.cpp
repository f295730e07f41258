// Which links are to be checked again, and the limit on the bytes of their paths.
#include "watch/reconcile/followed_links.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "watch/allocated_bytes.h"
#include "watch/disk/path_walk.h"
#include "watch/sources/inotify_source.h"
#include "watch/temp_directory.h"

namespace lookout {
namespace {

class FollowedLinksTest : public testing::Test {
 protected:
  void SetUp() override {
    home_.directory("a");
    root_ = tree_.add_root(home_.path(), {1, 1});
  }

  bool follow(const std::string& name, const std::string& path) {
    return links_.follow({root_, name}, path).has_value();
  }
  // A path of 2 * `turns` components and a few.
  std::string turning(int turns) const {
    std::string path = home_.path();
    for (int i = 0; i < turns; ++i) path += "/a/..";
    return path;
  }
  // Follows links until one is refused. Returns how many were followed.
  int fill() {
    int count = 0;
    while (count < 5000 && follow("l" + std::to_string(count), turning(150))) ++count;
    return count;
  }

  TempDirectory home_;
  InotifySource source_;
  RemoteMounts mounts_;
  Tree tree_;
  PathWatches paths_{source_, mounts_, [](int) { return false; }};
  FollowedLinks links_{tree_, paths_};
  NodeId root_ = kNoNode;
};

TEST_F(FollowedLinksTest, P7LinksBeyondTheLimitAreRefused) {
  EXPECT_TRUE(follow("one", turning(150)));
  const auto one = links_.bytes();
  EXPECT_GE(fill(), kMaxLinkBytes / one - 2);
  EXPECT_LE(links_.bytes(), kMaxLinkBytes + one);
  EXPECT_FALSE(follow("short", home_.at("a")));
  EXPECT_FALSE(links_.any_unchecked());
}

// Issue: 60 links to directories of their own, each with 341 components, took 1.5 MB each.
TEST_F(FollowedLinksTest, P7ALinkCountsAsManyBytesAsItsPathTakes) {
  constexpr int kLinks = 16;
  std::vector<std::string> deep;
  for (int i = 0; i < kLinks; ++i) {
    std::string path = "a/" + std::to_string(i);
    while (path.size() < 3500) path += "/nnnnnnnnnn";
    home_.directory(path);
    deep.push_back(home_.at(path));
  }
  const std::size_t before = allocated_bytes();
  for (int i = 0; i < kLinks; ++i) ASSERT_TRUE(follow(std::to_string(i), deep[i]));
  const std::size_t taken = allocated_bytes() - before;
  EXPECT_LE(taken, static_cast<std::size_t>(links_.bytes()) * 3 / 2);
}

TEST_F(FollowedLinksTest, ARefusedLinkIsToBeCheckedWhenOthersAreForgotten) {
  const int count = fill();
  const std::string refused = "l" + std::to_string(count);
  links_.forget({root_, "l0"});
  EXPECT_TRUE(links_.any_unchecked());
  EXPECT_EQ(links_.take_unchecked(), (std::vector<DirEntry>{{root_, refused}}));
  EXPECT_FALSE(links_.any_unchecked());
  EXPECT_TRUE(follow(refused, turning(150)));
  EXPECT_FALSE(follow("l0", turning(150)));
}

TEST_F(FollowedLinksTest, ARefusedLinkThatIsGoneIsForgotten) {
  const int count = fill();
  links_.forget({root_, "l" + std::to_string(count)});
  links_.forget({root_, "l0"});
  EXPECT_FALSE(links_.any_unchecked());
}

// The paths of all links may grow at once, by one link that they have in common.
TEST_F(FollowedLinksTest, P7ALinkWhosePathGrowsBeyondTheLimitIsRefused) {
  for (const char* name : {"x", "y"}) ASSERT_TRUE(follow(name, home_.at("a")));
  fill();
  const auto before = links_.bytes();
  EXPECT_TRUE(follow("l0", turning(150)));  // as long as before
  EXPECT_EQ(links_.bytes(), before);
  EXPECT_FALSE(follow("x", turning(199)));
  EXPECT_LT(links_.bytes(), before);
}

TEST_F(FollowedLinksTest, TheLinksOfADirectoryThatIsGoneAreForgotten) {
  const NodeId other = tree_.add_root(home_.at("a"), {1, 2});
  ASSERT_TRUE(links_.follow({other, "l"}, home_.at("a")));
  const auto before = links_.bytes();
  fill();
  links_.forget_directory(root_);
  EXPECT_EQ(links_.bytes(), before);
  EXPECT_FALSE(links_.any_refused());
  links_.forget_directory(other);
  EXPECT_EQ(links_.bytes(), 0);
}

// Each change of the mount table went through all links for each of all mounts.
TEST_F(FollowedLinksTest, P5MountsLookOnlyAtTheLinksThatLeadToThemAndOnceAtEach) {
  constexpr std::uint64_t kLinks = 30;
  home_.directory("b");
  for (std::uint64_t i = 0; i < kLinks; ++i) {
    ASSERT_TRUE(follow("l" + std::to_string(i), home_.at("a")));
  }
  ASSERT_TRUE(follow("other", home_.at("b")));
  std::vector<std::string> elsewhere;
  std::vector<std::string> below;
  for (int i = 0; i < 20; ++i) {
    elsewhere.push_back(home_.at("a" + std::to_string(i) + "/m"));
    below.push_back(home_.at("a/d/m" + std::to_string(i)));
  }
  EXPECT_TRUE(links_.mounted(elsewhere).empty());
  EXPECT_EQ(links_.visited(), 0U);
  links_.mounted(below);
  EXPECT_EQ(links_.visited(), kLinks);
}

TEST_F(FollowedLinksTest, AMountConcernsTheLinksThatLeadThereAndTheDirectoriesThatLeadAboveIt) {
  for (const char* name : {"shown", "link", "switched", "gone"}) {
    ASSERT_TRUE(follow(name, home_.at("a")));
  }
  ASSERT_TRUE(follow("whole", "/"));
  const NodeId shown = tree_.add(root_, "shown", EntryType::directory, {1, 2});
  const NodeId whole = tree_.add(root_, "whole", EntryType::directory, {1, 3});
  tree_.add(root_, "link", EntryType::symlink, {1, 4});
  home_.directory("b");
  ASSERT_TRUE(follow("switched", home_.at("b")));
  links_.forget({root_, "gone"});
  const std::string place = home_.at("a");
  using Below = std::vector<std::pair<NodeId, std::string>>;
  EXPECT_EQ(links_.mounted({place}), (Below{{whole, place.substr(1)}}));
  EXPECT_EQ(links_.take_unchecked(), (std::vector<DirEntry>{{root_, "link"}, {root_, "shown"}}));
  EXPECT_EQ(links_.mounted({place + "/m", place + "/n/o"}),
            (Below{{whole, place.substr(1) + "/m"},
                   {whole, place.substr(1) + "/n/o"},
                   {shown, "m"},
                   {shown, "n/o"}}));
  EXPECT_FALSE(links_.any_unchecked());
}

// All were checked when the directory came and when it left, so that N links that are removed one
// by one took N * N checks.
TEST_F(FollowedLinksTest, P5OfTheLinksToALostDirectoryMoreAreCheckedInEachRoundUntilOneShowsIt) {
  const Identity target{1, 7};
  for (const char* name : {"a", "b", "c", "d", "e", "f", "g", "h"}) {
    ASSERT_TRUE(follow(name, home_.at("a")));
    links_.set_reported_as_link({root_, name}, target);
  }
  EXPECT_FALSE(links_.any_unchecked());
  links_.directory_removed(target);
  EXPECT_EQ(links_.take_unchecked(), (std::vector<DirEntry>{{root_, "a"}}));
  EXPECT_EQ(links_.take_unchecked(), (std::vector<DirEntry>{{root_, "b"}, {root_, "c"}}));
  EXPECT_TRUE(links_.any_unchecked());
  tree_.add(root_, "c", EntryType::directory, target);
  links_.directory_added(target);
  EXPECT_TRUE(links_.take_unchecked().empty());
  EXPECT_FALSE(links_.any_unchecked());
}

TEST_F(FollowedLinksTest, AllLinksToALostDirectoryAreCheckedIfNoneShowsIt) {
  const Identity target{1, 7};
  for (const char* name : {"a", "b", "c", "d"}) {
    ASSERT_TRUE(follow(name, home_.at("a")));
    links_.set_reported_as_link({root_, name}, target);
  }
  links_.directory_removed(target);
  std::vector<DirEntry> taken;
  for (int round = 0; round < 3; ++round) {
    for (DirEntry& place : links_.take_unchecked()) taken.push_back(std::move(place));
  }
  EXPECT_EQ(taken, (std::vector<DirEntry>{{root_, "a"}, {root_, "b"}, {root_, "c"}, {root_, "d"}}));
  EXPECT_FALSE(links_.any_unchecked());
}

TEST_F(FollowedLinksTest, ALinkThatIsHiddenIsCheckedWhenItsDirectoryIsFoundElsewhere) {
  const Identity target{1, 7};
  for (const char* name : {"hidden", "shown"}) ASSERT_TRUE(follow(name, home_.at("a")));
  links_.set_invisible({root_, "hidden"}, target);
  links_.set_reported_as_link({root_, "shown"}, target);
  links_.directory_added(target);
  EXPECT_EQ(links_.take_unchecked(), (std::vector<DirEntry>{{root_, "hidden"}}));
}

}  // namespace
}  // namespace lookout
