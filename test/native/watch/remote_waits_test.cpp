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
  EXPECT_EQ(waits.limit(kNow), RemoteWaits::kMinWait);
  EXPECT_LE(waits.total(), RemoteWaits::kMaxWait + 40 * RemoteWaits::kMinWait);
  EXPECT_EQ(waits.limit(kNow + RemoteWaits::kDecayTime), RemoteWaits::kMaxWait);
}

TEST(RemoteWaits, ATimeLaterAMountIsWaitedForAsBefore) {
  RemoteWaits waits;
  waits.add(RemoteWaits::kMaxWait, false, kNow);
  EXPECT_EQ(waits.limit(kNow), RemoteWaits::kMinWait);
  EXPECT_EQ(waits.limit(kNow + RemoteWaits::kDecayTime / 2), RemoteWaits::kMaxWait / 2);
  EXPECT_EQ(waits.limit(kNow + RemoteWaits::kDecayTime), RemoteWaits::kMaxWait);
}

TEST(RemoteWaits, AMountThatIsTooSlowForShortWaitsIsWaitedForLongerAgain) {
  RemoteWaits waits;
  waits.add(RemoteWaits::kMaxWait, false, kNow);
  for (auto now = kNow; now < kNow + RemoteWaits::kDecayTime; now += milliseconds(30)) {
    if (waits.limit(now) > milliseconds(30)) return;  // it answers in time now
    waits.add(waits.limit(now), false, now);
  }
  FAIL() << "waits stay short";
}

TEST(RemoteWaits, ThoseThatAnswerAreWaitedForAsBefore) {
  RemoteWaits waits;
  for (int i = 0; i < 40; ++i) waits.add(milliseconds(100), true, kNow);
  EXPECT_EQ(waits.limit(kNow), RemoteWaits::kMaxWait);
  EXPECT_EQ(waits.total(), milliseconds(4000));
}

}  // namespace
}  // namespace lookout
