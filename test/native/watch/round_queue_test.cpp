#include "watch/reconcile/round_queue.h"

#include <gtest/gtest.h>

#include "watch/silent_sink.h"

namespace lookout {
namespace {

class RoundQueueTest : public testing::Test {
 protected:
  Tree tree_;
  SilentSink sink_;
  RoundQueue queue_{tree_, sink_};
  NodeId root_ = tree_.add_root("/r", {1, 1});
  NodeId directory_ = tree_.add(root_, "d", EntryType::directory, {1, 2});
};

// Issue: N directories that were turned over in one round were checked N * N times.
TEST_F(RoundQueueTest, P5ADirectoryThatManyChecksDoubtIsQueuedOnce) {
  for (int i = 0; i < 100; ++i) queue_.recheck_once(directory_);
  EXPECT_EQ(queue_.size(), 1U);
}

TEST_F(RoundQueueTest, P1ADirectoryThatIsDoubtedAfterItsCheckIsQueuedAgain) {
  queue_.recheck_once(directory_);
  EXPECT_EQ(queue_.take().name, "d");
  queue_.recheck_once(directory_);
  EXPECT_EQ(queue_.size(), 1U);
}

TEST_F(RoundQueueTest, P1ADirectoryThatWasFoundAtAnotherPathIsQueuedForThatPathAsWell) {
  queue_.recheck_once(directory_);
  tree_.move(directory_, root_, "e");
  queue_.recheck_once(directory_);
  EXPECT_EQ(queue_.take().name, "d");
  EXPECT_EQ(queue_.take().name, "e");
}

}  // namespace
}  // namespace lookout
