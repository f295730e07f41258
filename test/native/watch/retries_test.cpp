// What is checked again, and by which event: see watch/reconcile/retries.h.
#include "watch/reconcile/retries.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <set>
#include <string>
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

TEST_F(RetriesTest, LongLinksAreTakenInTurnAFewAtATime) {
  constexpr std::size_t kLinks = 3 * kLongLinksPerPoll - 1;
  const auto add_all = [&] {
    for (std::size_t i = 0; i < kLinks; ++i) retries_.add_long_link({root_, std::to_string(i)});
  };
  std::set<DirEntry> taken;
  for (int poll = 0; poll < 3; ++poll) {
    add_all();
    EXPECT_TRUE(retries_.needs_poll());
    const std::vector<DirEntry> names = retries_.take_failed_names(kFailuresPerPoll);
    EXPECT_EQ(names.size(), kLongLinksPerPoll);
    taken.insert(names.begin(), names.end());
  }
  EXPECT_EQ(taken.size(), kLinks);
  add_all();
  retries_.forget_directory(root_);
  EXPECT_FALSE(retries_.needs_poll());
}

// Others may make as many as they like.
TEST_F(RetriesTest, P3FailuresAreTakenInTurnAFewAtATimeOrAll) {
  constexpr std::size_t kFailures = 3 * kFailuresPerPoll - 1;
  const auto fail_all = [&] {
    for (std::size_t i = 0; i < kFailures; ++i) {
      retries_.add_failed(NodeId{100} + static_cast<NodeId>(i));
      retries_.add_failed({root_, std::to_string(i)});
    }
  };
  std::set<NodeId> directories;
  std::set<DirEntry> names;
  for (int poll = 0; poll < 3; ++poll) {
    fail_all();
    for (const NodeId directory : retries_.take_failed(kFailuresPerPoll)) {
      directories.insert(directory);
    }
    for (const DirEntry& name : retries_.take_failed_names(kFailuresPerPoll)) names.insert(name);
    EXPECT_LE(directories.size(), (poll + 1U) * kFailuresPerPoll);
    EXPECT_LE(names.size(), (poll + 1U) * kFailuresPerPoll);
  }
  EXPECT_EQ(directories.size(), kFailures);
  EXPECT_EQ(names.size(), kFailures);
  fail_all();
  EXPECT_EQ(retries_.take_failed(kAllFailures).size(), kFailures);
  EXPECT_EQ(retries_.take_failed_names(kAllFailures).size(), kFailures);
  EXPECT_FALSE(retries_.needs_poll());
}

TEST_F(RetriesTest, ANameOfADirectoryThatLeftTheTreeIsNotReturned) {
  const NodeId gone = directory(root_, "gone", 2);
  retries_.add_later({gone, "name", 0});
  retries_.add_failed({gone, "other"});
  tree_.remove(gone);
  EXPECT_TRUE(retries_.take_names().empty());
  EXPECT_TRUE(retries_.take_failed_names(kFailuresPerPoll).empty());
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

// A server may find the name of a directory and never open it: nothing may wait for that.
TEST_F(RetriesTest, P3ADirectoryThatIsNotOpenedInThreeRoundsWaitsForThePoll) {
  using Moved = Retries::Moved;
  const NodeId remote = directory(root_, "remote", 2);
  EXPECT_EQ(retries_.moved(remote, 7), Moved::first);
  EXPECT_EQ(retries_.moved(remote, 7), Moved::in_round);
  EXPECT_EQ(retries_.moved(remote, 8), Moved::first);
  EXPECT_TRUE(retries_.needs_poll());
  EXPECT_EQ(retries_.moved(remote, 9), Moved::repeatedly);
  retries_.forget_moves();
  EXPECT_FALSE(retries_.needs_poll());
  EXPECT_EQ(retries_.moved(remote, 9), Moved::first);
}

// The server may give another inode number in each answer.
TEST_F(RetriesTest, P3ADirectoryThatIsAnotherOneInEachRoundWaitsForThePollToo) {
  using Moved = Retries::Moved;
  NodeId remote = directory(root_, "remote", 2);
  for (const std::uint64_t round : {1, 2}) {
    EXPECT_EQ(retries_.moved(remote, round), Moved::first);
    retries_.forget_directory(remote);
    tree_.remove(remote);
    remote = directory(root_, "remote", 2 + round);
  }
  EXPECT_EQ(retries_.moved(remote, 3), Moved::repeatedly);
  EXPECT_EQ(retries_.moved(directory(root_, "other", 9), 3), Moved::first);
}

TEST_F(RetriesTest, WhatHasMovedInADirectoryIsForgottenWithIt) {
  const NodeId above = directory(root_, "above", 2);
  retries_.moved(directory(above, "remote", 3), 1);
  retries_.forget_directory(above);
  EXPECT_FALSE(retries_.needs_poll());
}

}  // namespace
}  // namespace lookout
