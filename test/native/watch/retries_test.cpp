// What is checked again, and by which event: see watch/reconcile/retries.h.
#include "watch/reconcile/retries.h"

#include <gtest/gtest.h>

#include <vector>

namespace lookout {
namespace {

class RetriesTest : public testing::Test {
 protected:
  NodeId directory(NodeId parent, const char* name, std::uint64_t inode) {
    return tree_.add(parent, name, EntryType::directory, {1, inode});
  }

  Tree tree_;
  Retries retries_{tree_};
  NodeId root_ = tree_.add_root("/home", {1, 1});
};

TEST_F(RetriesTest, ANameWaitsForTheTimerUntilItIsTaken) {
  retries_.add_later({root_, "name", hint::kWritten});
  EXPECT_TRUE(retries_.any_later());
  const std::vector<DirtyName> names = retries_.take_names();
  ASSERT_EQ(names.size(), 1U);
  EXPECT_EQ(names[0].name, "name");
  EXPECT_EQ(names[0].hints, hint::kWritten);
  EXPECT_FALSE(retries_.any_later());
}

TEST_F(RetriesTest, ANameOfADirectoryThatLeftTheTreeIsNotReturned) {
  const NodeId gone = directory(root_, "gone", 2);
  retries_.add_later({gone, "name", 0});
  retries_.add_failed({gone, "other"});
  tree_.remove(gone);
  EXPECT_TRUE(retries_.take_names().empty());
  EXPECT_TRUE(retries_.take_failed_names().empty());
}

TEST_F(RetriesTest, ADirectoryIsListedInTheRoundAfterTheTimer) {
  const NodeId late = directory(root_, "late", 2);
  tree_.set(late, DirMark::stale);
  retries_.add_later(late);
  EXPECT_TRUE(retries_.take_deferred().empty());
  retries_.defer_directories();
  EXPECT_FALSE(retries_.any_later());
  EXPECT_EQ(retries_.take_deferred(), std::vector<NodeId>{late});
}

TEST_F(RetriesTest, ADeniedDirectoryIsReturnedForADirectoryAboveAlone) {
  const NodeId above = directory(root_, "above", 2);
  const NodeId denied = directory(above, "denied", 3);
  const NodeId beside = directory(root_, "beside", 4);
  retries_.add_denied(denied);
  EXPECT_TRUE(retries_.take_denied_below(beside).empty());
  EXPECT_EQ(retries_.take_denied_below(above), std::vector<NodeId>{denied});
  EXPECT_TRUE(retries_.take_denied_below(above).empty());
}

TEST_F(RetriesTest, ADirectoryThatLeavesTheTreeIsForgottenEverywhere) {
  const NodeId gone = directory(root_, "gone", 2);
  retries_.add_polled(gone);
  retries_.add_failed(gone);
  retries_.add_denied(gone);
  EXPECT_EQ(retries_.vanished_since(gone, 7), 7);
  retries_.forget_directory(gone);
  EXPECT_FALSE(retries_.needs_poll());
  EXPECT_FALSE(retries_.is_failed(gone));
  EXPECT_TRUE(retries_.take_denied_below(root_).empty());
  EXPECT_EQ(retries_.vanished_since(gone, 9), 9);
}

}  // namespace
}  // namespace lookout
