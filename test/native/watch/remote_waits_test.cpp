// How long the loop waits for remote mounts (P5).
#include "watch/disk/remote_waits.h"

#include <gtest/gtest.h>

namespace lookout {
namespace {

using std::chrono::milliseconds;

const RemoteWaits::Clock::time_point kNow{std::chrono::hours(1)};

TEST(RemoteWaits, P5ManyMountsThatDoNotAnswerCostLittleMoreThanOne) {
  RemoteWaits waits;
  for (int i = 0; i < 40; ++i) waits.add(waits.limit(kNow), false, kNow);
  EXPECT_EQ(waits.limit(kNow), RemoteWaits::kShortest);
  EXPECT_LE(waits.total(), RemoteWaits::kPatience + 40 * RemoteWaits::kShortest);
  EXPECT_EQ(waits.limit(kNow + RemoteWaits::kForgets), RemoteWaits::kPatience);
}

TEST(RemoteWaits, ATimeLaterAMountIsWaitedForAsBefore) {
  RemoteWaits waits;
  waits.add(RemoteWaits::kPatience, false, kNow);
  EXPECT_EQ(waits.limit(kNow), RemoteWaits::kShortest);
  EXPECT_EQ(waits.limit(kNow + RemoteWaits::kForgets / 2), RemoteWaits::kPatience / 2);
  EXPECT_EQ(waits.limit(kNow + RemoteWaits::kForgets), RemoteWaits::kPatience);
}

TEST(RemoteWaits, AMountThatIsTooSlowForShortWaitsIsWaitedForLongerAgain) {
  RemoteWaits waits;
  waits.add(RemoteWaits::kPatience, false, kNow);
  for (auto now = kNow; now < kNow + RemoteWaits::kForgets; now += milliseconds(30)) {
    if (waits.limit(now) > milliseconds(30)) return;  // it answers in time now
    waits.add(waits.limit(now), false, now);
  }
  FAIL() << "waits stay short";
}

TEST(RemoteWaits, ThoseThatAnswerAreWaitedForAsBefore) {
  RemoteWaits waits;
  for (int i = 0; i < 40; ++i) waits.add(milliseconds(100), true, kNow);
  EXPECT_EQ(waits.limit(kNow), RemoteWaits::kPatience);
  EXPECT_EQ(waits.total(), milliseconds(4000));
}

}  // namespace
}  // namespace lookout
