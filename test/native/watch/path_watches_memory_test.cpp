// What PathWatches keeps for each follower, and that it keeps no component of a path too long.
#include <gtest/gtest.h>

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "watch/allocated_bytes.h"
#include "watch/disk/path_watches.h"
#include "watch/sources/inotify_source.h"
#include "watch/temp_directory.h"

namespace lookout {
namespace {

// Knows which directories are watched.
class WatchedSource : public InotifySource {
 public:
  int watch_path(const char* path, NamesIn names) override {
    const int watch = InotifySource::watch_path(path, names);
    if (watch >= 0) watches_.insert(watch);
    return watch;
  }
  void unwatch(int watch) override {
    watches_.erase(watch);
    InotifySource::unwatch(watch);
  }
  std::size_t watches() const { return watches_.size(); }

 private:
  std::set<int> watches_;
};

class Follower : public PathFollower {
 public:
  void path_changed() override {}
};

class PathWatchesMemoryTest : public testing::Test {
 protected:
  TempDirectory home_;
  WatchedSource source_;
  RemoteMounts mounts_;
  PathWatches paths_{source_, mounts_, [](int) { return false; }};
};

// The path of each directory was kept once for each follower: 0.8 MB for 390 components.
TEST_F(PathWatchesMemoryTest, P7AFollowerKeepsSomeBytesForEachComponent) {
  constexpr std::size_t kDepth = 100;
  std::string below = "a";
  for (std::size_t i = 1; i < kDepth; ++i) below += "/nnnnnnnnn";
  home_.directory(below);
  Follower first;
  paths_.follow(first, home_.at(below), true);
  std::vector<Follower> followers(64);
  const std::size_t before = allocated_bytes();
  for (Follower& follower : followers) paths_.follow(follower, home_.at(below), true);
  EXPECT_LE((allocated_bytes() - before) / (followers.size() * kDepth), 48U);
  for (Follower& follower : followers) paths_.unfollow(follower);
  paths_.unfollow(first);
  EXPECT_EQ(source_.watches(), 0U);
}

TEST_F(PathWatchesMemoryTest, AComponentThatAPathEntersSeveralTimesIsReleasedWithIt) {
  home_.directory("a/b");
  Follower follower;
  EXPECT_TRUE(paths_.follow(follower, home_.at("a/b/../b/../../a/b"), true).exists);
  EXPECT_GT(source_.watches(), 1U);
  EXPECT_TRUE(paths_.follow(follower, "/", true).exists);
  EXPECT_EQ(source_.watches(), 0U);
  EXPECT_TRUE(paths_.follow(follower, home_.at("a/b/../b"), true).exists);
  paths_.unfollow(follower);
  EXPECT_EQ(source_.watches(), 0U);
}

}  // namespace
}  // namespace lookout
