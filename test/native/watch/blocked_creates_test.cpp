#include "watch/model/blocked_creates.h"

#include <gtest/gtest.h>

#include <string>

namespace lookout {
namespace {

class BlockedCreatesTest : public testing::Test {
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
  BlockedCreates blocked_;
};

TEST_F(BlockedCreatesTest, GivesBackWhatWaitedForABlocker) {
  const NodeId a = node("a", 10);
  EXPECT_TRUE(blocked_.empty());
  blocked_.add(a, blocked("a", 11, 1));
  EXPECT_FALSE(blocked_.empty());
  ASSERT_NE(blocked_.find(a), nullptr);
  const auto released = blocked_.release(a);
  ASSERT_TRUE(released.has_value());
  EXPECT_EQ(released->place.name, "a");
  EXPECT_TRUE(blocked_.empty());
  EXPECT_FALSE(blocked_.release(a).has_value());
}

TEST_F(BlockedCreatesTest, WantsAnIdentityAsLongAsOneThatWaitsHasIt) {
  const NodeId a = node("a", 10);
  const NodeId b = node("b", 20);
  blocked_.add(a, blocked("a", 30, 1));
  blocked_.add(b, blocked("b", 30, 1));
  blocked_.release(a);
  EXPECT_TRUE(blocked_.wants({1, 30}));
  blocked_.release(b);
  EXPECT_FALSE(blocked_.wants({1, 30}));
}

TEST_F(BlockedCreatesTest, ASecondLookAtAPlaceKeepsItsRoundAndAddsItsHints) {
  const NodeId a = node("a", 10);
  blocked_.add(a, blocked("a", 11, 1, hint::kMovedTo));
  blocked_.add(a, blocked("a", 12, 2, hint::kWritten));
  EXPECT_FALSE(blocked_.wants({1, 11}));
  EXPECT_TRUE(blocked_.wants({1, 12}));
  const Blocked* waiting = blocked_.find(a);
  EXPECT_EQ(waiting->round, 1U);
  EXPECT_EQ(waiting->place.hints, hint::kMovedTo | hint::kWritten);
}

TEST_F(BlockedCreatesTest, OffersThoseLastThatAreNotWantedElsewhere) {
  const NodeId a = node("a", 10);
  const NodeId b = node("b", 20);
  const NodeId young = node("c", 40);
  blocked_.add(a, blocked("a", 20, 1));  // wants what blocks b
  blocked_.add(b, blocked("b", 30, 1));
  blocked_.add(young, blocked("c", 50, 2));
  EXPECT_EQ(blocked_.waiting_since_before(2, tree_), (std::vector<NodeId>{b, a}));
}

}  // namespace
}  // namespace lookout
