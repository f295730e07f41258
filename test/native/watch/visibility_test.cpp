// What is visible in deep trees costs as much for each directory as in flat ones (P7): views are
// counted.
#include "watch/model/visibility.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
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
  NodeId deepen(NodeId directory) {
    return tree_.add(directory, "d", EntryType::directory, {1, ++inode_});
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
    RuleFiles files;
    files.gitignore = {".gitignore", "x\n"};
    std::vector<RuleFailure> failures;
    while (visibility_.parse_step(files)) {
    }
    ASSERT_TRUE(visibility_.set_rules(at, files, failures));
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

}  // namespace
}  // namespace lookout
