#include "watch/roots/roots.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "watch/temp_directory.h"

namespace lookout {
namespace {

TEST(Paths, ADirectoryIsBelowAnotherByWholeNames) {
  EXPECT_TRUE(is_path_below("/a/b", "/a"));
  EXPECT_TRUE(is_path_below("/a/b/c", "/a"));
  EXPECT_FALSE(is_path_below("/ab", "/a"));
  EXPECT_FALSE(is_path_below("/a", "/a"));
  EXPECT_FALSE(is_path_below("/a", "/a/b"));
  EXPECT_TRUE(is_path_below("/a", "/"));
  EXPECT_FALSE(is_path_below("/", "/"));
}

TEST(Probe, FindsADirectoryThroughLinks) {
  const TempDirectory home;
  home.directory("real");
  home.symlink("real", "link");
  const auto found = probe(home.at("link"));
  const Target* target = std::get_if<Target>(&found);
  ASSERT_NE(target, nullptr);
  EXPECT_EQ(target->directory, home.at("link"));
  EXPECT_EQ(target->only, "");
  EXPECT_EQ(target->identity.inode, home.inode("real"));
}

TEST(Probe, FindsASingleFileInItsDirectory) {
  const TempDirectory home;
  home.directory("a");
  home.write("a/x");
  const auto found = probe(home.at("a/x"));
  const Target* target = std::get_if<Target>(&found);
  ASSERT_NE(target, nullptr);
  EXPECT_EQ(target->directory, home.at("a"));
  EXPECT_EQ(target->only, "x");
  EXPECT_EQ(target->identity.inode, home.inode("a"));
}

TEST(Probe, SaysWhyThereIsNothingToWatch) {
  const TempDirectory home;
  home.write("file");
  const auto reason = [&](const char* name) {
    const auto found = probe(home.at(name));
    const Error* error = std::get_if<Error>(&found);
    EXPECT_NE(error, nullptr);
    EXPECT_EQ(error->path, home.at(name));
    return error->reason;
  };
  EXPECT_EQ(reason("missing"), "enoent");
  EXPECT_EQ(reason("file/below"), "enotdir");
}

class RootsTest : public testing::Test {
 protected:
  Roots::Pointer add(const std::string& path, Root::Phase phase = Root::Phase::reported) {
    auto root = std::make_shared<Root>();
    root->path = path;
    root->phase = phase;
    root->target.directory = path;
    if (phase != Root::Phase::absent) root->node = tree_.add_root(path, {1, ++inode_});
    roots_.add(root);
    return root;
  }

  NodeId add_directory(NodeId parent, const std::string& name) {
    return tree_.add(parent, name, EntryType::directory, {1, ++inode_});
  }

  Tree tree_;
  Visibility visibility_{tree_};
  bool covered(const Root& root) const {
    return roots_.covered(root, [this](const Root&, const Root&) { return linked_; });
  }

  bool linked_ = false;  // the path leads through a symbolic link on disk

  Roots roots_{tree_, visibility_};
  std::uint64_t inode_ = 0;
};

TEST_F(RootsTest, MeetsShorterPathsFirst) {
  add("/a/b/c");
  add("/a");
  add("/a/b");
  std::vector<std::string> paths;
  for (const auto& root : roots_.all()) paths.push_back(root->path);
  EXPECT_EQ(paths, (std::vector<std::string>{"/a", "/a/b", "/a/b/c"}));
}

TEST_F(RootsTest, FindsByPathButNotWhatIsOnItsWayOut) {
  const auto root = add("/a");
  EXPECT_EQ(roots_.find(std::string("/a")), root);
  EXPECT_EQ(roots_.find(root->node), root);
  root->removed = true;
  EXPECT_EQ(roots_.find(std::string("/a")), nullptr);
  roots_.remove(root);
  EXPECT_TRUE(roots_.all().empty());
}

TEST_F(RootsTest, ARootIsNestedAsLongAsAnotherOneIsAboveIt) {
  const auto inner = add("/a/b/c");
  const auto base = add("/a", Root::Phase::absent);
  base->is_base = true;
  EXPECT_FALSE(roots_.is_nested(*inner));
  const auto outer = add("/a");
  EXPECT_TRUE(roots_.is_nested(*inner));
  EXPECT_TRUE(roots_.is_nested(*base));
  EXPECT_FALSE(roots_.is_nested(*outer));
  roots_.remove(outer);
  EXPECT_FALSE(roots_.is_nested(*inner));
  EXPECT_FALSE(roots_.is_nested(*base));
}

TEST_F(RootsTest, ARootIsCoveredByOneAboveIt) {
  const auto outer = add("/a");
  const auto inner = add("/a/b", Root::Phase::absent);
  EXPECT_TRUE(covered(*inner)) << "also while nothing stands there";
  EXPECT_FALSE(covered(*outer));
  add_directory(outer->node, "b");
  EXPECT_TRUE(covered(*inner));
}

TEST_F(RootsTest, ARootBehindALinkIsNotCovered) {
  const auto outer = add("/a");
  tree_.add(outer->node, "b", EntryType::symlink, {1, 50});
  const auto inner = add("/a/b/c", Root::Phase::absent);
  linked_ = true;
  EXPECT_FALSE(covered(*inner));
  linked_ = false;
  EXPECT_TRUE(covered(*inner)) << "the link has been replaced, and the outer root will report it";
}

TEST_F(RootsTest, NothingIsCoveredByARootThatDoesNotLookBelow) {
  const auto outer = add("/a");
  const auto inner = add("/a/b", Root::Phase::absent);
  outer->options.recursive = false;
  EXPECT_FALSE(covered(*inner));
  inner->target.only = "b";
  EXPECT_TRUE(covered(*inner)) << "a single file in it is one of its entries";
  inner->target.only.clear();
  outer->options.recursive = true;
  roots_.enter(outer, Root::Phase::leaving);
  EXPECT_FALSE(covered(*inner));
}

TEST_F(RootsTest, ResolvesAPathToItsNode) {
  const auto root = add("/a");
  const NodeId b = add_directory(root->node, "b");
  const NodeId c = add_directory(b, "c");
  EXPECT_EQ(roots_.resolve("/a"), root->node);
  EXPECT_EQ(roots_.resolve("/a/b/c"), c);
  EXPECT_EQ(roots_.resolve("/a/b/d"), kNoNode);
  EXPECT_EQ(roots_.resolve("/ab"), kNoNode);
  EXPECT_EQ(roots_.resolve("/"), kNoNode);
}

TEST_F(RootsTest, ResolvesPathsBelowTheRootOfTheFileSystem) {
  const auto root = add("/");
  const NodeId etc = add_directory(root->node, "etc");
  EXPECT_EQ(roots_.resolve("/"), root->node);
  EXPECT_EQ(roots_.resolve("/etc"), etc);
  EXPECT_EQ(roots_.resolve("/usr"), kNoNode);
}

}  // namespace
}  // namespace lookout
