// Which directories wait for a mode, and that those elsewhere cost nothing: see
// watch/reconcile/denied_directories.h.
#include "watch/reconcile/denied_directories.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace lookout {
namespace {

class DeniedDirectoriesTest : public testing::Test {
 protected:
  NodeId directory(NodeId parent, const std::string& name) {
    return tree_.add(parent, name, EntryType::directory, {1, ++inode_});
  }

  std::vector<NodeId> taken(NodeId below) {
    std::vector<NodeId> taken = denied_.take_below(below);
    std::sort(taken.begin(), taken.end());
    return taken;
  }

  Tree tree_;
  DeniedDirectories denied_{tree_};
  std::uint64_t inode_ = 1;
  NodeId root_ = tree_.add_root("/home", {1, 1});
};

TEST_F(DeniedDirectoriesTest, P5OneEventCostsNothingForThoseElsewhere) {
  constexpr std::uint64_t kDepth = 1'000;
  constexpr std::uint64_t kDenied = 1'000;
  NodeId bottom = root_;
  for (std::uint64_t i = 0; i < kDepth; ++i) bottom = directory(bottom, "deep");
  const NodeId beside = directory(bottom, "beside");
  const NodeId other = directory(beside, "other");
  denied_.add(other);
  for (std::uint64_t i = 0; i < kDenied; ++i) denied_.add(directory(bottom, std::to_string(i)));
  EXPECT_LE(denied_.steps(), kDepth + kDenied + 3);
  std::uint64_t before = denied_.steps();
  EXPECT_EQ(taken(beside), std::vector<NodeId>{other});
  EXPECT_LE(denied_.steps() - before, 4U);
  before = denied_.steps();
  EXPECT_TRUE(taken(beside).empty());
  EXPECT_EQ(denied_.steps(), before);
  EXPECT_EQ(taken(root_).size(), kDenied);
  EXPECT_LE(denied_.steps() - before, kDepth + kDenied + 2);
}

TEST_F(DeniedDirectoriesTest, OneAboveAnotherIsKeptWithoutIt) {
  const NodeId above = directory(root_, "above");
  const NodeId below = directory(above, "below");
  denied_.add(below);
  denied_.add(above);
  EXPECT_EQ(taken(below), std::vector<NodeId>{below});
  EXPECT_EQ(taken(root_), std::vector<NodeId>{above});
  EXPECT_TRUE(taken(root_).empty());
}

TEST_F(DeniedDirectoriesTest, WhatLeavesTheTreeLeavesTheOthers) {
  const NodeId above = directory(root_, "above");
  const NodeId one = directory(above, "one");
  const NodeId two = directory(above, "two");
  denied_.add(one);
  denied_.add(two);
  denied_.forget(one);
  EXPECT_EQ(taken(above), std::vector<NodeId>{two});
  denied_.add(two);
  denied_.forget(two);
  denied_.forget(above);
  EXPECT_TRUE(taken(root_).empty());
}

// As the reconciler does: what is moved is taken out, what leaves has nothing below it.
TEST_F(DeniedDirectoriesTest, FindsWhatALookAtEachFinds) {
  std::mt19937 random(7);
  std::vector<NodeId> all{root_};
  std::set<NodeId> waiting;
  const auto any = [&] { return all[random() % all.size()]; };
  const auto take = [&](NodeId at) {
    std::vector<NodeId> expected;
    for (const NodeId node : waiting) {
      if (tree_.is_below(node, at)) expected.push_back(node);
    }
    for (const NodeId node : expected) waiting.erase(node);
    EXPECT_EQ(taken(at), expected);
  };
  for (int i = 0; i < 20'000; ++i) {
    const NodeId node = any();
    const NodeId place = any();
    switch (random() % 6) {
      case 0:
        all.push_back(directory(node, std::to_string(i)));
        break;
      case 1:
      case 2:
        denied_.add(node);
        waiting.insert(node);
        break;
      case 3:
        if (random() % 4 == 0) take(node);
        break;
      case 4:
        if (node == root_ || tree_.is_below(place, node)) break;
        tree_.move(node, place, std::to_string(i));
        take(node);
        break;
      default:
        if (node == root_ || tree_.first_child(node) != kNoNode) break;
        denied_.forget(node);
        waiting.erase(node);
        tree_.remove(node);
        std::erase(all, node);
        break;
    }
  }
  take(root_);
}

}  // namespace
}  // namespace lookout
