#include "watch/disk/directory_cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "watch/temp_directory.h"

namespace lookout {
namespace {

Identity identity_of(int fd) {
  struct stat seen {};
  EXPECT_EQ(::fstat(fd, &seen), 0);
  return {seen.st_dev, seen.st_ino};
}

Identity identity_at(const std::string& path) {
  struct stat seen {};
  EXPECT_EQ(::stat(path.c_str(), &seen), 0) << path;
  return {seen.st_dev, seen.st_ino};
}

int open_descriptors() {
  int count = 0;
  DIR* const listing = ::opendir("/proc/self/fd");
  while (::readdir(listing) != nullptr) ++count;  // NOLINT(concurrency-mt-unsafe)
  ::closedir(listing);
  return count;
}

class DirectoryCacheTest : public testing::Test {
 protected:
  // A directory on the disk, and its node as the tree knows it.
  NodeId make(NodeId parent, const std::string& name) {
    const std::string below = tree_.path(parent).substr(home_.path().size()) + '/' + name;
    home_.directory(below);
    return tree_.add(parent, name, EntryType::directory, identity_at(home_.at(below)));
  }

  void expect_opens(NodeId directory, Identity identity) {
    const auto opened = cache_.open(directory);
    ASSERT_TRUE(std::holds_alternative<DirectoryFd>(opened));
    EXPECT_EQ(identity_of(std::get<DirectoryFd>(opened)->get()), identity);
  }

  void expect_fails(NodeId directory, OpenFailure::Kind kind, NodeId where, int code) {
    const auto opened = cache_.open(directory);
    const auto* failure = std::get_if<OpenFailure>(&opened);
    ASSERT_NE(failure, nullptr);
    EXPECT_EQ(failure->kind, kind);
    EXPECT_EQ(failure->node, where);
    EXPECT_EQ(failure->code, code);
  }

  TempDirectory home_;
  Tree tree_;
  NodeId root_ = tree_.add_root(home_.path(), identity_at(home_.path()));
  RemoteMounts mounts_;
  ReadAhead closer_;
  DirectoryCache cache_{tree_, 4, mounts_, closer_};
};

using Kind = OpenFailure::Kind;

TEST_F(DirectoryCacheTest, OpensTheDirectoryThatTheTreeMeans) {
  const NodeId a = make(root_, "a");
  const NodeId b = make(a, "b");
  expect_opens(b, tree_.identity(b));
  expect_opens(a, tree_.identity(a));
  expect_opens(root_, tree_.identity(root_));
}

// Each change in a deep directory opened every directory above it again.
TEST_F(DirectoryCacheTest, P5TwoDeepDirectoriesStayOpen) {
  NodeId one = root_;
  NodeId other = root_;
  for (int i = 0; i < 10; ++i) {
    one = make(one, "one");
    other = make(other, "other");
  }
  for (const NodeId directory : {one, other}) expect_opens(directory, tree_.identity(directory));
  const std::uint64_t before = cache_.opened();
  EXPECT_EQ(before, 2 * 11U);
  for (const NodeId directory : {one, other}) expect_opens(directory, tree_.identity(directory));
  EXPECT_EQ(cache_.opened(), before);
}

TEST_F(DirectoryCacheTest, ADirectoryReplacedByAnotherHasMoved) {
  const NodeId a = make(root_, "a");
  const NodeId b = make(a, "b");
  home_.move("a/b", "kept");  // so that its inode number is not used again
  home_.directory("a/b");
  expect_fails(b, Kind::moved, b, ESTALE);
}

TEST_F(DirectoryCacheTest, TheAncestorThatWasReplacedIsTheOneToLookAt) {
  const NodeId a = make(root_, "a");
  const NodeId b = make(a, "b");
  const NodeId c = make(b, "c");
  home_.move("a", "kept");
  home_.directory("a/b/c");
  expect_fails(c, Kind::moved, a, ESTALE);
}

TEST_F(DirectoryCacheTest, AMissingDirectoryHasMoved) {
  const NodeId a = make(root_, "a");
  const NodeId b = make(a, "b");
  home_.remove("a");
  expect_fails(b, Kind::moved, a, ENOENT);
}

TEST_F(DirectoryCacheTest, AFileInPlaceOfADirectoryMeansThatItHasMoved) {
  const NodeId a = make(root_, "a");
  home_.remove("a");
  home_.write("a");
  expect_fails(a, Kind::moved, a, ENOTDIR);
}

TEST_F(DirectoryCacheTest, ASymbolicLinkIsNeverFollowedEvenToTheSameDirectory) {
  const NodeId a = make(root_, "a");
  home_.move("a", "elsewhere");
  home_.symlink("elsewhere", "a");
  const auto opened = cache_.open(a);
  const auto* failure = std::get_if<OpenFailure>(&opened);
  ASSERT_NE(failure, nullptr);
  EXPECT_EQ(failure->kind, Kind::moved);
  EXPECT_EQ(failure->node, a);
}

TEST_F(DirectoryCacheTest, ARootMayBeNamedByASymbolicLink) {
  home_.directory("real");
  home_.symlink("real", "named");
  const NodeId named = tree_.add_root(home_.at("named"), identity_at(home_.at("real")));
  expect_opens(named, identity_at(home_.at("real")));
}

TEST_F(DirectoryCacheTest, ADirectoryWithoutReadPermissionIsDenied) {
  if (!Unprivileged::reaches(home_.path())) GTEST_SKIP() << "only root can reach " << home_.path();
  const NodeId a = make(root_, "a");
  const NodeId b = make(a, "b");
  home_.set_mode("a", 0);
  {
    const Unprivileged user;
    expect_fails(b, Kind::denied, a, EACCES);
  }
  home_.set_mode("a", 0755);
}

TEST_F(DirectoryCacheTest, WithoutDescriptorsItFailsForNow) {
  const NodeId a = make(root_, "a");
  std::vector<UniqueFd> taken;
  for (;;) {
    const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd < 0) break;
    taken.emplace_back(fd);
  }
  expect_fails(a, Kind::failed, root_, EMFILE);
  taken.clear();
  expect_opens(a, tree_.identity(a));
}

TEST_F(DirectoryCacheTest, TheFirstOpenConfirmsAProvisionalIdentity) {
  home_.directory("a");
  const NodeId a = tree_.add(root_, "a", EntryType::directory, {1, 2});
  tree_.set(a, DirMark::provisional);
  home_.set_mode("a", 0711);
  expect_opens(a, identity_at(home_.at("a")));
  EXPECT_EQ(tree_.identity(a), identity_at(home_.at("a")));
  EXPECT_FALSE(tree_.has(a, DirMark::provisional));
  EXPECT_EQ(tree_.mode(a), 0711);
}

TEST_F(DirectoryCacheTest, ADescriptorThatIsKeptStaysWithItsDirectoryWhereverThatGoes) {
  const NodeId a = make(root_, "a");
  expect_opens(a, tree_.identity(a));
  home_.move("a", "b");
  home_.directory("a");
  expect_opens(a, tree_.identity(a));
  cache_.drop(a);
  expect_fails(a, Kind::moved, a, ESTALE);
}

TEST_F(DirectoryCacheTest, KeepsNoMoreDescriptorsThanItMay) {
  std::vector<NodeId> directories;
  for (int i = 0; i < 20; ++i) directories.push_back(make(root_, std::to_string(i)));
  const int before = open_descriptors();
  for (const NodeId directory : directories) expect_opens(directory, tree_.identity(directory));
  EXPECT_EQ(open_descriptors(), before + 4);
  for (const NodeId directory : directories) cache_.drop(directory);
  cache_.drop(root_);
  EXPECT_EQ(open_descriptors(), before);
  EXPECT_TRUE(cache_.empty());
}

TEST_F(DirectoryCacheTest, ADescriptorInUseOutlivesItsPlaceInTheCache) {
  const NodeId a = make(root_, "a");
  const auto opened = cache_.open(a);
  cache_.drop(a);
  EXPECT_EQ(identity_of(std::get<DirectoryFd>(opened)->get()), tree_.identity(a));
}

TEST_F(DirectoryCacheTest, AtRestOnlyDirectoriesWithEventsStayOpen) {
  const NodeId a = make(root_, "a");
  const NodeId b = make(a, "b");
  const NodeId c = make(b, "c");
  const int before = open_descriptors();
  expect_opens(c, tree_.identity(c));
  cache_.rest();
  EXPECT_EQ(open_descriptors(), before);
  EXPECT_TRUE(cache_.empty());
  cache_.had_event(b);
  expect_opens(c, tree_.identity(c));
  cache_.rest();
  EXPECT_EQ(open_descriptors(), before + 1);
}

TEST_F(DirectoryCacheTest, StaysOpenForAtMostTwoAgesAfterTheLastEvent) {
  const NodeId a = make(root_, "a");
  cache_.had_event(a);
  for (int i = 0; i < 3; ++i) {
    expect_opens(a, tree_.identity(a));
    cache_.age();
    cache_.had_event(a);
    cache_.rest();
    EXPECT_FALSE(cache_.empty());
  }
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(cache_.empty());
    expect_opens(a, tree_.identity(a));  // its use without an event does not count
    cache_.age();
    cache_.rest();
  }
  EXPECT_TRUE(cache_.empty());
}

TEST_F(DirectoryCacheTest, DropsARootWhoseRemovalItWouldHoldBack) {
  const NodeId a = make(root_, "a");
  cache_.had_event(root_);
  expect_opens(root_, tree_.identity(root_));
  const int before = open_descriptors();
  cache_.rest();
  EXPECT_EQ(open_descriptors(), before) << "it is not empty";
  tree_.remove(a);
  cache_.rest();
  EXPECT_EQ(open_descriptors(), before - 1);
  EXPECT_TRUE(cache_.empty());
}

TEST_F(DirectoryCacheTest, DropsARootWhereAFileSystemIsMountedWhichItWouldKeepBusy) {
  struct stat seen {};
  ASSERT_EQ(::stat("/proc", &seen), 0);
  const NodeId mounted = tree_.add_root("/proc", {seen.st_dev, seen.st_ino});
  tree_.add(mounted, "1", EntryType::directory, {seen.st_dev, 1});
  cache_.had_event(mounted);
  expect_opens(mounted, tree_.identity(mounted));
  cache_.rest();
  EXPECT_TRUE(cache_.empty());
}

TEST_F(DirectoryCacheTest, ReachesDirectoriesBeyondPathMax) {
  // 40 steps of 255 bytes; a path of more than 4,096 bytes cannot be opened in one piece.
  const std::string name(255, 'd');
  NodeId node = root_;
  UniqueFd at(::open(home_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (int i = 0; i < 40; ++i) {
    ASSERT_EQ(::mkdirat(at.get(), name.c_str(), 0755), 0);
    at.reset(::openat(at.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    node = tree_.add(node, name, EntryType::directory, identity_of(at.get()));
  }
  ASSERT_GT(tree_.path(node).size(), 4096U);
  expect_opens(node, identity_of(at.get()));
}

}  // namespace
}  // namespace lookout
