// What is visible in deep trees costs as much for each directory as in flat ones (P7): views are
// counted.
#include "watch/model/visibility.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace lookout {
namespace {

class DeepTreeTest : public testing::Test {
 protected:
  DeepTreeTest() {
    WatchOptions options;
    options.gitignore = true;
    visibility_.add_root(root_, false, Filter(options), nullptr);
  }

  // One directory below the other.
  NodeId deepen(NodeId directory, std::string_view name = "d") {
    return tree_.add(directory, name, EntryType::directory, {1, ++inode_});
  }
  // Directories with names of 200 bytes, one below the other. Returns the deepest one.
  NodeId deepen(NodeId directory, std::size_t levels) {
    for (; levels > 0; --levels) directory = deepen(directory, std::string(200, 'n'));
    return directory;
  }

  bool set_rules(NodeId directory, const std::string& content) {
    RuleFiles files;
    files.gitignore = {".gitignore", content};
    std::vector<RuleFailure> failures;
    while (visibility_.parse_step(files)) {
    }
    return visibility_.set_rules(directory, files, failures);
  }

  std::uint64_t views_made_to_show(NodeId directory) {
    const std::uint64_t before = visibility_.views_made();
    visibility_.shows(directory, "x", EntryType::file);
    return visibility_.views_made() - before;
  }

  std::uint64_t inode_ = 1;
  Tree tree_;
  Visibility visibility_{tree_};
  const NodeId root_ = tree_.add_root("/root", {1, 1});
};

TEST_F(DeepTreeTest, RulesInEachDirectoryOfAPathTakeAViewEach) {
  constexpr std::size_t kDepth = 400;
  NodeId at = root_;
  for (std::size_t depth = 0; depth < kDepth; ++depth) {
    at = deepen(at);
    ASSERT_TRUE(set_rules(at, "x\n"));
    EXPECT_FALSE(visibility_.shows(at, "x", EntryType::file));
  }
  EXPECT_LE(visibility_.views_made(), 3 * kDepth);
}

TEST_F(DeepTreeTest, ALongPathIsNotMadeAgainAsAWholeWhereTooManyViewsAreKnown) {
  constexpr std::size_t kDepth = 20'000;
  std::vector<NodeId> path{root_};
  for (std::size_t depth = 0; depth < kDepth; ++depth) {
    path.push_back(deepen(path.back()));
    EXPECT_TRUE(visibility_.shows(path.back(), "x", EntryType::file));
  }
  EXPECT_LE(visibility_.views_made(), kDepth + kDepth / 20);
  // From the deepest one up, as a crawl goes on.
  std::uint64_t most = 0;
  for (; !path.empty(); path.pop_back()) {
    const std::uint64_t before = visibility_.views_made();
    EXPECT_TRUE(visibility_.shows(path.back(), "y", EntryType::file));
    most = std::max(most, visibility_.views_made() - before);
  }
  EXPECT_LE(most, 200U);
}

TEST_F(DeepTreeTest, OtherRulesInADirectoryChangeTheViewsInItAlone) {
  const NodeId other = deepen(root_, "other");
  const NodeId below_other = deepen(other, "below");
  const NodeId upper = deepen(root_, 10);
  const NodeId lower = deepen(upper, 10);
  EXPECT_TRUE(visibility_.shows(lower, "x", EntryType::file));
  EXPECT_TRUE(visibility_.shows(below_other, "x", EntryType::file));
  ASSERT_TRUE(set_rules(other, "x\n"));
  EXPECT_EQ(views_made_to_show(lower), 0U);
  EXPECT_FALSE(visibility_.shows(below_other, "x", EntryType::file));
  ASSERT_TRUE(set_rules(upper, "x\n"));
  EXPECT_EQ(views_made_to_show(upper), 0U) << "set_rules() needs it";
  EXPECT_EQ(views_made_to_show(lower), 10U);
  EXPECT_FALSE(visibility_.shows(lower, "x", EntryType::file));
  EXPECT_EQ(views_made_to_show(below_other), 0U);
}

TEST_F(DeepTreeTest, AMoveChangesTheViewsInTheMovedDirectoryAlone) {
  const NodeId other = deepen(root_, "other");
  const NodeId below_other = deepen(other, "below");
  const NodeId target = deepen(root_, "target");
  const NodeId lower = deepen(root_, 10);
  ASSERT_TRUE(set_rules(target, "x\n"));
  EXPECT_TRUE(visibility_.shows(lower, "x", EntryType::file));
  EXPECT_TRUE(visibility_.shows(below_other, "x", EntryType::file));
  const Visibility::View before = visibility_.view(other);
  tree_.move(other, target, "other");
  EXPECT_TRUE(visibility_.moved(other, before));
  EXPECT_EQ(views_made_to_show(lower), 0U);
  EXPECT_FALSE(visibility_.shows(below_other, "x", EntryType::file));
}

TEST_F(DeepTreeTest, AViewIsChargedForTheGlobsThatItsPathIsMatchedWith) {
  constexpr std::size_t kDepth = 10;
  std::string pattern = "**/";
  for (int i = 0; i < 1000; ++i) pattern += "*n";
  pattern += "/z";
  const std::size_t match = Rules::parse(pattern)->patterns().front().steps(200);
  ASSERT_TRUE(set_rules(root_, pattern + "\n"));
  const NodeId lower = deepen(root_, kDepth);
  const std::uint64_t before = visibility_.steps();
  EXPECT_FALSE(visibility_.view(lower).hidden);
  // To decide whether each directory is visible, and to enter it.
  EXPECT_GE(visibility_.steps() - before, 2 * kDepth * match);
}

}  // namespace
}  // namespace lookout
