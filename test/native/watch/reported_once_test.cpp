// A notice for each condition, once while it lasts: see watch/reconcile/reported_once.h.
#include "watch/reconcile/reported_once.h"

#include <gtest/gtest.h>

namespace lookout {
namespace {

TEST(ReportedOnce, ANoticeIsSentAgainOnlyWhenItsConditionWasOver) {
  ReportedOnce reported;
  EXPECT_TRUE(reported.too_few_watches(1));
  EXPECT_FALSE(reported.too_few_watches(1));
  EXPECT_TRUE(reported.too_few_watches(2));
  reported.watches_suffice();
  EXPECT_TRUE(reported.too_few_watches(1));
  EXPECT_TRUE(reported.too_many_links(1));
  EXPECT_FALSE(reported.too_many_links(1));
  reported.all_links_followed();
  EXPECT_TRUE(reported.too_many_links(1));
  EXPECT_TRUE(reported.unreachable({3, "mnt"}));
  EXPECT_FALSE(reported.unreachable({3, "mnt"}));
  reported.reachable(3, "other");
  EXPECT_FALSE(reported.unreachable({3, "mnt"}));
  reported.reachable(3, "mnt");
  EXPECT_TRUE(reported.unreachable({3, "mnt"}));
}

TEST(ReportedOnce, P8ADirectoryWithTheNumberOfOneThatIsGoneIsReported) {
  ReportedOnce reported;
  EXPECT_TRUE(reported.unreachable({3, "mnt"}));
  EXPECT_TRUE(reported.unreachable({4, "mnt"}));
  EXPECT_TRUE(reported.unanswered({3, "mnt"}));
  EXPECT_TRUE(reported.unanswered({4, "mnt"}));
  EXPECT_TRUE(reported.rules_unreadable(3));
  reported.forget_directory(3);
  EXPECT_TRUE(reported.unanswered({3, "mnt"}));
  EXPECT_FALSE(reported.unanswered({4, "mnt"}));
  EXPECT_TRUE(reported.unreachable({3, "mnt"}));
  EXPECT_TRUE(reported.rules_unreadable(3));
  EXPECT_FALSE(reported.unreachable({4, "mnt"}));
}

TEST(ReportedOnce, OfARootThatIsGoneNothingIsKeptAndOfOthersAll) {
  ReportedOnce reported;
  EXPECT_TRUE(reported.unanswered("/srv/a"));
  EXPECT_TRUE(reported.unanswered("/srv/a/mnt"));
  EXPECT_TRUE(reported.unanswered("/srv/ab"));
  EXPECT_TRUE(reported.polled(1, 7));
  EXPECT_TRUE(reported.polled(2, 7));
  reported.forget_root(1, "/srv/a");
  EXPECT_TRUE(reported.unanswered("/srv/a"));
  EXPECT_TRUE(reported.unanswered("/srv/a/mnt"));
  EXPECT_FALSE(reported.unanswered("/srv/ab"));
  reported.forget_root(3, "/");
  EXPECT_TRUE(reported.unanswered("/srv/ab"));
  EXPECT_TRUE(reported.polled(1, 7));
  EXPECT_FALSE(reported.polled(2, 7));
}

}  // namespace
}  // namespace lookout
