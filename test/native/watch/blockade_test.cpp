#include "watch/blockade.h"

#include <gtest/gtest.h>

#include <string>

namespace lookout {
namespace {

class BlockadeTest : public testing::Test {
 protected:
  NodeId node(const std::string& name, std::uint64_t inode) {
    return tree_.add(root_, name, EntryType::file, {1, inode});
  }
  Blocked blocked(const std::string& name, std::uint64_t inode, std::uint64_t round,
                  Hints hints = 0) const {
    return {{root_, name, hints}, {1, inode}, round};
  }

  Tree tree_;
  NodeId root_ = tree_.add_root("/r", {1, 1});
  Blockade blockade_;
};

TEST_F(BlockadeTest, GivesBackWhatWaitedForABlocker) {
  const NodeId a = node("a", 10);
  EXPECT_TRUE(blockade_.empty());
  blockade_.add(a, blocked("a", 11, 1));
  EXPECT_FALSE(blockade_.empty());
  ASSERT_NE(blockade_.find(a), nullptr);
  const auto released = blockade_.release(a);
  ASSERT_TRUE(released.has_value());
  EXPECT_EQ(released->place.name, "a");
  EXPECT_TRUE(blockade_.empty());
  EXPECT_FALSE(blockade_.release(a).has_value());
}

TEST_F(BlockadeTest, WantsAnIdentityAsLongAsOneThatWaitsHasIt) {
  const NodeId a = node("a", 10);
  const NodeId b = node("b", 20);
  blockade_.add(a, blocked("a", 30, 1));
  blockade_.add(b, blocked("b", 30, 1));
  blockade_.release(a);
  EXPECT_TRUE(blockade_.wants({1, 30}));
  blockade_.release(b);
  EXPECT_FALSE(blockade_.wants({1, 30}));
}

TEST_F(BlockadeTest, ASecondLookAtAPlaceKeepsItsRoundAndAddsItsHints) {
  const NodeId a = node("a", 10);
  blockade_.add(a, blocked("a", 11, 1, hint::kMovedTo));
  blockade_.add(a, blocked("a", 12, 2, hint::kWritten));
  EXPECT_FALSE(blockade_.wants({1, 11}));
  EXPECT_TRUE(blockade_.wants({1, 12}));
  const Blocked* waiting = blockade_.find(a);
  EXPECT_EQ(waiting->round, 1U);
  EXPECT_EQ(waiting->place.hints, hint::kMovedTo | hint::kWritten);
}

TEST_F(BlockadeTest, OffersThoseLastThatAreNotWantedElsewhere) {
  const NodeId a = node("a", 10);
  const NodeId b = node("b", 20);
  const NodeId young = node("c", 40);
  blockade_.add(a, blocked("a", 20, 1));  // wants what blocks b
  blockade_.add(b, blocked("b", 30, 1));
  blockade_.add(young, blocked("c", 50, 2));
  EXPECT_EQ(blockade_.waiting_since_before(2, tree_), (std::vector<NodeId>{b, a}));
}

}  // namespace
}  // namespace lookout
