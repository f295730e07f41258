#include "watch/model/tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace lookout {
namespace {

constexpr EntryType kFile = EntryType::file;
constexpr EntryType kDirectory = EntryType::directory;

class TreeTest : public testing::Test {
 protected:
  std::vector<NodeId> children(NodeId directory) const {
    std::vector<NodeId> found;
    for (NodeId at = tree_.first_child(directory); at != kNoNode; at = tree_.next_sibling(at)) {
      found.push_back(at);
    }
    std::sort(found.begin(), found.end());
    return found;
  }

  std::vector<NodeId> same(Identity identity) const {
    auto found = tree_.with_identity(identity);
    std::sort(found.begin(), found.end());
    return found;
  }

  Tree tree_;
  NodeId root_ = tree_.add_root("/srv/in", {1, 100});
};

TEST_F(TreeTest, FindsAnEntryByItsDirectoryAndName) {
  const NodeId a = tree_.add(root_, "a", kDirectory, {1, 101});
  const NodeId x = tree_.add(a, "x", kFile, {1, 102});
  EXPECT_EQ(tree_.child(root_, "a"), a);
  EXPECT_EQ(tree_.child(a, "x"), x);
  EXPECT_EQ(tree_.child(root_, "x"), kNoNode);
  EXPECT_EQ(tree_.parent(x), a);
  EXPECT_EQ(tree_.name(x), "x");
  EXPECT_EQ(tree_.type(x), kFile);
  EXPECT_EQ(tree_.identity(x), (Identity{1, 102}));
  EXPECT_EQ(tree_.directories(), 2U);
  EXPECT_EQ(tree_.others(), 1U);
}

TEST_F(TreeTest, MakesPathsFromTheRootDown) {
  const NodeId a = tree_.add(root_, "a", kDirectory, {1, 101});
  const NodeId x = tree_.add(a, "x\ny\xff", kFile, {1, 102});
  EXPECT_EQ(tree_.path(root_), "/srv/in");
  EXPECT_EQ(tree_.path(a), "/srv/in/a");
  EXPECT_EQ(tree_.path(x), "/srv/in/a/x\ny\xff");
}

TEST_F(TreeTest, PathsBelowTheRootOfTheFileSystemBeginWithOneSlash) {
  const NodeId top = tree_.add_root("/", {1, 2});
  const NodeId etc = tree_.add(top, "etc", kDirectory, {1, 3});
  const NodeId hosts = tree_.add(etc, "hosts", kFile, {1, 4});
  EXPECT_EQ(tree_.path(top), "/");
  EXPECT_EQ(tree_.path(etc), "/etc");
  EXPECT_EQ(tree_.path(hosts), "/etc/hosts");
  EXPECT_TRUE(tree_.alive(top));
}

TEST_F(TreeTest, RootsOfOneNameAreTwoRoots) {
  const NodeId again = tree_.add_root("/srv/in", {1, 100});
  const NodeId a = tree_.add(root_, "a", kFile, {1, 101});
  EXPECT_EQ(tree_.child(again, "a"), kNoNode);
  const NodeId other = tree_.add(again, "a", kFile, {1, 101});
  EXPECT_EQ(tree_.root_of(a), root_);
  EXPECT_EQ(tree_.root_of(other), again);
  EXPECT_EQ(same({1, 100}), (std::vector<NodeId>{root_, again}));
}

// P7: no depth makes a crawl, which asks for the root of each directory, slow.
TEST_F(TreeTest, FindsTheRootInFewStepsHoweverDeepANodeIs) {
  constexpr std::uint64_t kDepth = 10'000;
  std::vector<NodeId> chain{root_};
  std::vector<NodeId> beside;
  for (std::uint64_t i = 1; i <= kDepth; ++i) {
    chain.push_back(tree_.add(chain.back(), "d", kDirectory, {1, 100 + i}));
    beside.push_back(tree_.add(chain.back(), "e", kDirectory, {2, 100 + i}));
    ASSERT_EQ(tree_.root_of(chain.back()), root_);
  }
  for (auto at = beside.rbegin(); at != beside.rend(); ++at) ASSERT_EQ(tree_.root_of(*at), root_);
  EXPECT_LT(tree_.root_steps(), 2 * kDepth * 100);
}

TEST_F(TreeTest, ADirectoryThatMovesToAnotherRootHasThatOne) {
  const NodeId other = tree_.add_root("/srv/other", {1, 99});
  std::vector<NodeId> chain{root_};
  for (std::uint64_t i = 1; i <= 300; ++i) {
    chain.push_back(tree_.add(chain.back(), "d", kDirectory, {1, 100 + i}));
  }
  EXPECT_EQ(tree_.root_of(chain.back()), root_);
  tree_.move(chain[150], other, "moved");
  for (std::size_t i = 0; i < 150; ++i) EXPECT_EQ(tree_.root_of(chain[i]), root_);
  for (std::size_t i = 150; i < chain.size(); ++i) EXPECT_EQ(tree_.root_of(chain[i]), other);
  while (chain.size() > 150) {
    tree_.remove(chain.back());
    chain.pop_back();
  }
  for (std::uint64_t i = 150; i <= 300; ++i) {
    chain.push_back(tree_.add(chain.back(), "d", kDirectory, {1, 100 + i}));
  }
  EXPECT_EQ(tree_.root_of(chain.back()), root_);
}

TEST_F(TreeTest, KnowsWhatIsBelowWhat) {
  const NodeId a = tree_.add(root_, "a", kDirectory, {1, 101});
  const NodeId b = tree_.add(a, "b", kDirectory, {1, 102});
  const NodeId c = tree_.add(root_, "c", kDirectory, {1, 103});
  EXPECT_TRUE(tree_.is_below(b, a));
  EXPECT_TRUE(tree_.is_below(b, root_));
  EXPECT_TRUE(tree_.is_below(a, a));
  EXPECT_FALSE(tree_.is_below(a, b));
  EXPECT_FALSE(tree_.is_below(c, a));
  EXPECT_TRUE(tree_.is_root(root_));
  EXPECT_FALSE(tree_.is_root(a));
}

TEST_F(TreeTest, MovingADirectoryTakesAllBelowWithIt) {
  const NodeId a = tree_.add(root_, "a", kDirectory, {1, 101});
  const NodeId b = tree_.add(a, "b", kDirectory, {1, 102});
  const NodeId x = tree_.add(b, "x", kFile, {1, 103});
  const NodeId c = tree_.add(root_, "c", kDirectory, {1, 104});
  tree_.move(b, c, "moved");
  EXPECT_EQ(tree_.path(x), "/srv/in/c/moved/x");
  EXPECT_EQ(tree_.child(a, "b"), kNoNode);
  EXPECT_EQ(tree_.child(c, "moved"), b);
  EXPECT_TRUE(children(a).empty());
  EXPECT_EQ(children(c), (std::vector<NodeId>{b}));
}

TEST_F(TreeTest, MovesUnderAViewOfItsOwnName) {
  const NodeId a = tree_.add(root_, "a", kDirectory, {1, 101});
  const NodeId x = tree_.add(root_, "name", kFile, {1, 102});
  tree_.move(x, a, tree_.name(x));
  EXPECT_EQ(tree_.path(x), "/srv/in/a/name");
}

TEST_F(TreeTest, RemovingKeepsTheSiblings) {
  const NodeId a = tree_.add(root_, "a", kFile, {1, 101});
  const NodeId b = tree_.add(root_, "b", kFile, {1, 102});
  const NodeId c = tree_.add(root_, "c", kFile, {1, 103});
  tree_.remove(b);
  EXPECT_EQ(children(root_), (std::vector<NodeId>{a, c}));
  EXPECT_FALSE(tree_.alive(b));
  tree_.remove(c);
  tree_.remove(a);
  EXPECT_TRUE(children(root_).empty());
  EXPECT_EQ(tree_.others(), 0U);
}

TEST_F(TreeTest, ARemovedDirectoryLeavesNothingToTheNextOne) {
  const NodeId a = tree_.add(root_, "a", kDirectory, {1, 101});
  tree_.set(a, DirMark::stale);
  tree_.set(a, Mark::parked);
  tree_.set_mode(a, 0755);
  tree_.set_watch(a, 5);
  tree_.remove(a);
  EXPECT_FALSE(tree_.watch_in_use(5));
  EXPECT_FALSE(tree_.knows({1, 101}));
  const NodeId b = tree_.add(root_, "b", kDirectory, {1, 102});
  EXPECT_EQ(b, a) << "the number of a removed node is used again";
  EXPECT_FALSE(tree_.has(b, DirMark::stale));
  EXPECT_FALSE(tree_.has(b, Mark::parked));
  EXPECT_EQ(tree_.mode(b), 0);
  EXPECT_EQ(tree_.watch(b), -1);
  EXPECT_EQ(tree_.first_child(b), kNoNode);
}

TEST_F(TreeTest, ARemovedFileLeavesNothingToTheDirectoryThatTakesItsNumber) {
  const NodeId x = tree_.add(root_, "x", kFile, {1, 101});
  tree_.set_signature(x, 77);
  tree_.remove(x);
  const NodeId a = tree_.add(root_, "x", kDirectory, {1, 102});
  EXPECT_EQ(a, x);
  EXPECT_TRUE(tree_.is_directory(a));
  EXPECT_EQ(tree_.first_child(a), kNoNode);
  tree_.remove(a);
  const NodeId y = tree_.add(root_, "y", kFile, {1, 103});
  EXPECT_EQ(tree_.signature(y), 0U);
}

TEST_F(TreeTest, MarksAreSetAndClearedOneByOne) {
  const NodeId a = tree_.add(root_, "a", kDirectory, {1, 101});
  tree_.set(a, Mark::parked);
  tree_.set(a, Mark::seen);
  tree_.set(a, DirMark::stale);
  tree_.set(a, DirMark::queued);
  tree_.set(a, Mark::parked, false);
  tree_.set(a, DirMark::stale, false);
  EXPECT_FALSE(tree_.has(a, Mark::parked));
  EXPECT_TRUE(tree_.has(a, Mark::seen));
  EXPECT_FALSE(tree_.has(a, DirMark::stale));
  EXPECT_TRUE(tree_.has(a, DirMark::queued));
}

TEST_F(TreeTest, FindsAllLinksOfAnIdentityWhicheverIsRemoved) {
  const Identity file{1, 200};
  for (int removed = 0; removed < 3; ++removed) {
    std::vector<NodeId> links;
    for (const char* name : {"a", "b", "c"}) links.push_back(tree_.add(root_, name, kFile, file));
    EXPECT_EQ(same(file).size(), 3U);
    tree_.remove(links[static_cast<std::size_t>(removed)]);
    links.erase(links.begin() + removed);
    std::sort(links.begin(), links.end());
    EXPECT_EQ(same(file), links);
    tree_.remove(links[0]);
    EXPECT_EQ(same(file), (std::vector<NodeId>{links[1]}));
    tree_.remove(links[1]);
    EXPECT_FALSE(tree_.knows(file));
  }
}

TEST_F(TreeTest, AChangedIdentityIsFoundUnderTheNewOneOnly) {
  const NodeId a = tree_.add(root_, "a", kFile, {1, 200});
  const NodeId b = tree_.add(root_, "b", kFile, {1, 200});
  tree_.set_identity(a, {2, 200});
  EXPECT_EQ(same({1, 200}), (std::vector<NodeId>{b}));
  EXPECT_EQ(same({2, 200}), (std::vector<NodeId>{a}));
  EXPECT_EQ(tree_.identity(a), (Identity{2, 200}));
  tree_.set_identity(a, {1, 200});
  EXPECT_EQ(same({1, 200}), (std::vector<NodeId>{a, b}));
  EXPECT_FALSE(tree_.knows({2, 200}));
}

TEST_F(TreeTest, TellsOneInodeNumberOnTwoDevicesApart) {
  const NodeId a = tree_.add(root_, "a", kFile, {1, 200});
  const NodeId b = tree_.add(root_, "b", kFile, {2, 200});
  EXPECT_EQ(same({1, 200}), (std::vector<NodeId>{a}));
  EXPECT_EQ(same({2, 200}), (std::vector<NodeId>{b}));
}

TEST_F(TreeTest, TakesMoreDevicesInTurnThanAtOnce) {
  for (std::uint64_t device = 10; device < 70'010; ++device) {
    const NodeId node = tree_.add(root_, "a", kFile, {device, 1});
    ASSERT_EQ(tree_.identity(node).device, device);
    tree_.remove(node);
  }
}

TEST_F(TreeTest, HasRoomUntilALimitIsReachedAndAgainWhenSomethingIsRemoved) {
  Tree tree({.nodes = 4, .devices = 2, .name_chunks = 1});
  const NodeId root = tree.add_root("/root", {1, 1});
  const NodeId a = tree.add(root, "a", kFile, {2, 1});
  EXPECT_FALSE(tree.has_room("b", 3));
  EXPECT_TRUE(tree.has_room("b", 2));
  EXPECT_THROW(tree.add(root, "b", kFile, {3, 1}), std::length_error);
  EXPECT_EQ(tree.child(root, "b"), kNoNode);
  tree.add(root, "b", kFile, {1, 2});
  tree.add(root, "c", kFile, {1, 3});
  EXPECT_FALSE(tree.has_room("d", 1));
  EXPECT_THROW(tree.add(root, "d", kFile, {1, 4}), std::length_error);
  tree.remove(a);
  EXPECT_TRUE(tree.has_room("d", 3));
  EXPECT_FALSE(tree.has_room(std::string(NameArena::kMaxLength + 1, 'x'), 1));
}

TEST_F(TreeTest, HasNoRoomWhereTheNamesHaveNone) {
  Tree tree({.name_chunks = 1});
  const NodeId root = tree.add_root("/root", {1, 1});
  const std::string name(NameArena::kMaxLength - 1, 'x');
  std::vector<NodeId> added;
  while (tree.has_room(name, 1)) {
    added.push_back(tree.add(root, name + std::to_string(added.size() % 10), kFile, {1, 2}));
  }
  EXPECT_GE(added.size(), 6U);
  EXPECT_LE(added.size(), 8U);
}

TEST_F(TreeTest, MostOfItsMemoryComesBackAndCyclesDoNotGrow) {
  constexpr int kEntries = 100'000;
  std::vector<std::size_t> most;
  std::vector<std::size_t> least;
  for (int cycle = 0; cycle < 10; ++cycle) {
    std::vector<NodeId> nodes;
    for (int i = 0; i < kEntries; ++i) {
      nodes.push_back(tree_.add(root_, "entry" + std::to_string(i), i % 5 == 0 ? kDirectory : kFile,
                                {1, 1000 + static_cast<std::uint64_t>(i)}));
    }
    most.push_back(tree_.memory());
    while (tree_.compact()) {
    }
    EXPECT_EQ(tree_.memory(), most.back());
    for (const NodeId node : nodes) tree_.remove(node);
    while (tree_.compact()) {
    }
    least.push_back(tree_.memory());
  }
  EXPECT_LT(least.front() * 20, most.front());
  EXPECT_LE(most.back(), most.front());
  EXPECT_LE(least.back(), least.front());
}

TEST_F(TreeTest, ANameStaysWhileTheMemoryOfOthersIsGivenBack) {
  constexpr int kEntries = 200'000;
  std::vector<NodeId> nodes;
  const auto name = [](int i) { return "a longer name of entry " + std::to_string(i); };
  for (int i = 0; i < kEntries; ++i) {
    nodes.push_back(tree_.add(root_, name(i), kFile, {1, 1000 + static_cast<std::uint64_t>(i)}));
  }
  const std::size_t most = tree_.memory();
  // What is left is spread over all chunks of names.
  for (int i = 0; i < kEntries; ++i) {
    if (i % 10 != 0) tree_.remove(nodes[static_cast<std::size_t>(i)]);
  }
  bool more = tree_.compact();
  EXPECT_TRUE(more);
  const NodeId late = tree_.add(root_, "added between the steps", kFile, {1, 1});
  tree_.remove(nodes[0]);
  tree_.move(nodes[10], root_, "moved between the steps");
  while (more) more = tree_.compact();
  EXPECT_LT(tree_.memory() * 3, most * 2);
  EXPECT_EQ(tree_.name(late), "added between the steps");
  EXPECT_EQ(tree_.name(nodes[10]), "moved between the steps");
  for (int i = 20; i < kEntries; i += 10) {
    const NodeId node = nodes[static_cast<std::size_t>(i)];
    ASSERT_EQ(tree_.name(node), name(i));
    ASSERT_EQ(tree_.child(root_, name(i)), node);
  }
}

TEST_F(TreeTest, AWatchIsFoundUntilItIsTakenAway) {
  const NodeId a = tree_.add(root_, "a", kDirectory, {1, 101});
  tree_.set_watch(a, 5);
  EXPECT_EQ(tree_.with_watch(5), (std::vector<NodeId>{a}));
  EXPECT_EQ(tree_.watches(), 1U);
  tree_.set_watch(a, 6);
  EXPECT_TRUE(tree_.with_watch(5).empty());
  EXPECT_EQ(tree_.with_watch(6), (std::vector<NodeId>{a}));
  tree_.set_watch(a, -1);
  EXPECT_FALSE(tree_.watch_in_use(6));
  EXPECT_EQ(tree_.watches(), 0U);
}

TEST_F(TreeTest, TwoDirectoriesThatAreOneShareAWatch) {
  for (const bool first_goes : {true, false}) {
    const NodeId a = tree_.add(root_, "a", kDirectory, {1, 101});
    const NodeId b = tree_.add(root_, "b", kDirectory, {1, 101});
    tree_.set_watch(a, 5);
    tree_.set_watch(b, 5);
    auto both = tree_.with_watch(5);
    std::sort(both.begin(), both.end());
    EXPECT_EQ(both, (std::vector<NodeId>{std::min(a, b), std::max(a, b)}));
    EXPECT_EQ(tree_.watches(), 1U);
    tree_.remove(first_goes ? a : b);
    EXPECT_EQ(tree_.with_watch(5), (std::vector<NodeId>{first_goes ? b : a}));
    tree_.remove(first_goes ? b : a);
    EXPECT_FALSE(tree_.watch_in_use(5));
  }
}

TEST_F(TreeTest, VisitsEveryDirectoryAndNothingElse) {
  const NodeId a = tree_.add(root_, "a", kDirectory, {1, 101});
  const NodeId b = tree_.add(a, "b", kDirectory, {1, 102});
  tree_.add(a, "x", kFile, {1, 103});
  const NodeId gone = tree_.add(a, "gone", kDirectory, {1, 104});
  tree_.remove(gone);
  std::vector<NodeId> visited;
  tree_.for_each_directory([&](NodeId node) { visited.push_back(node); });
  EXPECT_EQ(visited, (std::vector<NodeId>{root_, a, b}));
}

TEST(NextBelow, VisitsParentsBeforeChildrenAndEachOnce) {
  Tree tree;
  const NodeId root = tree.add_root("/r", {1, 1});
  const NodeId a = tree.add(root, "a", EntryType::directory, {1, 2});
  const NodeId b = tree.add(a, "b", EntryType::directory, {1, 3});
  tree.add(b, "x", EntryType::file, {1, 4});
  tree.add(root, "y", EntryType::file, {1, 5});
  tree.add(root, "empty", EntryType::directory, {1, 6});
  std::vector<NodeId> visited;
  for (NodeId at = next_below(tree, root, root); at != kNoNode; at = next_below(tree, at, root)) {
    EXPECT_TRUE(tree.parent(at) == root ||
                std::find(visited.begin(), visited.end(), tree.parent(at)) != visited.end());
    visited.push_back(at);
  }
  EXPECT_EQ(visited.size(), 5U);
  EXPECT_EQ(std::set<NodeId>(visited.begin(), visited.end()).size(), 5U);
}

TEST(NextBelow, StaysBelowItsTop) {
  Tree tree;
  const NodeId root = tree.add_root("/r", {1, 1});
  const NodeId a = tree.add(root, "a", EntryType::directory, {1, 2});
  tree.add(root, "sibling", EntryType::file, {1, 3});
  const NodeId x = tree.add(a, "x", EntryType::file, {1, 4});
  tree.add(root, "another", EntryType::file, {1, 5});
  EXPECT_EQ(next_below(tree, a, a), x);
  EXPECT_EQ(next_below(tree, x, a), kNoNode);
  tree.remove(x);
  EXPECT_EQ(next_below(tree, a, a), kNoNode);
}

}  // namespace
}  // namespace lookout
