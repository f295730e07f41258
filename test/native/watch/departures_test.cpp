// What leaves the tree, and when: see watch/reconcile/departures.h.
#include "watch/reconcile/departures.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "watch/silent_sink.h"

namespace lookout {
namespace {

class DeparturesTest : public testing::Test {
 protected:
  NodeId file(const std::string& name, std::uint64_t inode) {
    return tree_.add(root_, name, EntryType::file, {1, inode});
  }
  std::vector<std::string> queued() {
    std::vector<std::string> names;
    while (!queue_.empty()) names.push_back(queue_.take().name);
    return names;
  }

  SilentSink sink_;
  Tree tree_;
  RoundQueue queue_{tree_, sink_};
  RoundProgress progress_;
  Departures departures_{tree_, queue_, progress_};
  NodeId root_ = tree_.add_root("/home", {1, 1});
};

TEST_F(DeparturesTest, AParkedEntryIsDeletedInTheRoundAfterAndNotBefore) {
  const NodeId gone = file("gone", 2);
  departures_.park(gone, 1);
  EXPECT_FALSE(departures_.queue_expired(1));
  EXPECT_TRUE(departures_.queue_expired(2));
  EXPECT_EQ(departures_.next_deletion().node, gone);
}

TEST_F(DeparturesTest, AnEntryThatTurnsUpIsNotDeleted) {
  const NodeId moved = file("moved", 2);
  departures_.park(moved, 1);
  departures_.unpark(moved);
  EXPECT_FALSE(departures_.queue_expired(2));
  EXPECT_FALSE(departures_.any());
}

TEST_F(DeparturesTest, AnEntryWhoseInodeABlockedEntryHasIsKept) {
  const NodeId old = file("place", 2);
  const NodeId source = file("source", 3);
  departures_.park(old, 1);
  departures_.park(source, 1);
  departures_.block(old, {{root_, "place", 0}, {1, 3}, 1});
  departures_.queue_expired(2);
  EXPECT_EQ(departures_.next_deletion().node, old);
  EXPECT_FALSE(tree_.has(source, Mark::deleting));
}

TEST_F(DeparturesTest, WhatWasBlockedIsCheckedWhenTheBlockerHasLeft) {
  const NodeId old = file("place", 2);
  departures_.park(old, 1);
  departures_.block(old, {{root_, "place", 0}, {1, 3}, 1});
  EXPECT_EQ(departures_.next_blocker(1), kNoNode) << "it was blocked in this round";
  EXPECT_EQ(departures_.next_blocker(2), old);
  departures_.forget(old);
  EXPECT_EQ(queued(), std::vector<std::string>{"place"});
}

TEST_F(DeparturesTest, EachEntryOfADeepTreeIsDeletedOnceAndAfterWhatIsBelowIt) {
  NodeId at = root_;
  const NodeId top = tree_.add(root_, "d", EntryType::directory, {1, 100});
  at = top;
  for (std::uint64_t i = 1; i < 50; ++i) {
    tree_.add(at, "f", EntryType::file, {1, 200 + i});
    at = tree_.add(at, "d", EntryType::directory, {1, 100 + i});
    tree_.add(at, "g", EntryType::file, {1, 300 + i});
  }
  departures_.queue_delete(top);
  int deleted = 0;
  for (; departures_.any_deletions(); ++deleted) {
    const NodeId node = departures_.next_deletion().node;
    ASSERT_NE(node, kNoNode);
    ASSERT_TRUE(!tree_.is_directory(node) || tree_.first_child(node) == kNoNode);
    tree_.remove(node);
  }
  EXPECT_EQ(deleted, 148);
}

TEST_F(DeparturesTest, ADirectoryIsDeletedAfterWhatIsBelowIt) {
  const NodeId directory = tree_.add(root_, "directory", EntryType::directory, {1, 2});
  const NodeId below = tree_.add(directory, "below", EntryType::file, {1, 3});
  departures_.queue_delete(directory);
  EXPECT_EQ(departures_.next_deletion().node, below);
  tree_.remove(below);
  EXPECT_EQ(departures_.next_deletion().node, directory);
  tree_.remove(directory);
  EXPECT_FALSE(departures_.any_deletions());
}

TEST_F(DeparturesTest, EntriesOfARemovedRootThatWereNotReportedAreDeletedWithoutAReport) {
  const NodeId unreported = file("unreported", 2);
  const NodeId reported = file("reported", 3);  // siblings: the last one added comes first
  departures_.remove_root(root_, {.unreported = unreported});
  EXPECT_TRUE(departures_.is_removed(root_));
  EXPECT_FALSE(departures_.reports_removal());
  const Departures::Deletion first = departures_.next_removal();
  EXPECT_EQ(first.node, unreported);
  EXPECT_FALSE(first.reporting);
  tree_.remove(unreported);
  const Departures::Deletion second = departures_.next_removal();
  EXPECT_EQ(second.node, reported);
  EXPECT_TRUE(second.reporting);
}

}  // namespace
}  // namespace lookout
