#include "watch/reconcile/agenda.h"

#include <gtest/gtest.h>

namespace lookout {
namespace {

class AgendaTest : public testing::Test {
 protected:
  NodeId directory(NodeId parent, const char* name, std::uint64_t inode) {
    return tree_.add(parent, name, EntryType::directory, {1, inode});
  }
  // The listing of a directory begins, and its end leads to the directories in it.
  void list(NodeId directory) {
    agenda_.begins(directory);
    for (NodeId at = tree_.first_child(directory); at != kNoNode; at = tree_.next_sibling(at)) {
      agenda_.continue_below(at);
    }
  }

  Tree tree_;
  Agenda agenda_{tree_};
  NodeId root_ = tree_.add_root("/r", {1, 1});
  NodeId upper_ = directory(root_, "upper", 2);
  NodeId lower_ = directory(upper_, "lower", 3);
};

// Issue: D nested directories with new rules were listed D * D / 2 times.
TEST_F(AgendaTest, P7ADirectoryIsNotListedAgainForEachDirectoryAboveItWhoseRulesChanged) {
  agenda_.add_all_below(upper_);
  agenda_.add_all_below(lower_);
  ASSERT_EQ(agenda_.take(), lower_);
  list(lower_);
  ASSERT_EQ(agenda_.take(), upper_);
  list(upper_);
  EXPECT_TRUE(agenda_.empty());
}

TEST_F(AgendaTest, ADirectoryIsListedAgainForRulesThatChangedAfterItsListingBegan) {
  agenda_.add_all_below(lower_);
  ASSERT_EQ(agenda_.take(), lower_);
  list(lower_);
  agenda_.add_all_below(root_);
  ASSERT_EQ(agenda_.take(), root_);
  list(root_);
  ASSERT_EQ(agenda_.take(), upper_);
  list(upper_);
  EXPECT_EQ(agenda_.take(), lower_);
}

TEST_F(AgendaTest, ADirectoryThatWasListedForItselfIsListedAgainWithAllBelowTheOneAbove) {
  agenda_.add(lower_, false);
  ASSERT_EQ(agenda_.take(), lower_);
  list(lower_);
  agenda_.add_all_below(upper_);
  ASSERT_EQ(agenda_.take(), upper_);
  list(upper_);
  EXPECT_EQ(agenda_.take(), lower_);
}

}  // namespace
}  // namespace lookout
