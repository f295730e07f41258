#include "command/end_schedule.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace lookout {
namespace {

using Step = EndSchedule::Step;
using std::chrono::milliseconds;

class EndScheduleTest : public ::testing::Test {
 protected:
  static EndSchedule::TimePoint at(int ms) { return EndSchedule::TimePoint(milliseconds(ms)); }

  EndSchedule schedule{milliseconds(100), milliseconds(50)};  // linger, grace
};

TEST_F(EndScheduleTest, NothingIsDueWhileTheCommandRuns) {
  EXPECT_FALSE(schedule.next());
  EXPECT_EQ(schedule.take_step(at(1'000'000)), Step::none);
}

TEST_F(EndScheduleTest, WhatACommandLeavesIsAskedAfterTheLingerTimeAndKilledAfterTheGrace) {
  schedule.on_exit(at(0));
  EXPECT_EQ(schedule.next(), at(100));
  EXPECT_EQ(schedule.take_step(at(99)), Step::none);
  EXPECT_EQ(schedule.take_step(at(100)), Step::ask);
  EXPECT_EQ(schedule.next(), at(150));
  EXPECT_EQ(schedule.take_step(at(149)), Step::none);
  EXPECT_EQ(schedule.take_step(at(150)), Step::kill);
}

TEST(EndScheduleWithoutLinger, WhatACommandLeavesGoesOnUntilItIsAskedToEnd) {
  const auto at = [](int ms) { return EndSchedule::TimePoint(milliseconds(ms)); };
  EndSchedule schedule(std::nullopt, milliseconds(50));
  EXPECT_FALSE(schedule.leaves());
  schedule.on_exit(at(0));
  EXPECT_TRUE(schedule.leaves());
  EXPECT_FALSE(schedule.next());
  EXPECT_EQ(schedule.take_step(at(1'000'000)), Step::none);
  schedule.ask(at(1'000'000), milliseconds(5));
  EXPECT_FALSE(schedule.leaves());
  EXPECT_EQ(schedule.take_step(at(1'000'000)), Step::ask);
  EXPECT_EQ(schedule.take_step(at(1'000'005)), Step::kill);
}

TEST_F(EndScheduleTest, P10ExitOfTheCommandAfterAStopDoesNotShortenTheGrace) {
  schedule.ask(at(0), milliseconds(5000));
  EXPECT_EQ(schedule.take_step(at(0)), Step::ask);
  schedule.on_exit(at(1));
  EXPECT_EQ(schedule.take_step(at(4999)), Step::none);
  EXPECT_EQ(schedule.take_step(at(5000)), Step::kill);
}

TEST_F(EndScheduleTest, P10StopAfterTheExitGivesTheWholeGrace) {
  schedule.on_exit(at(0));
  schedule.ask(at(90), milliseconds(5000));
  EXPECT_EQ(schedule.take_step(at(90)), Step::ask);
  EXPECT_EQ(schedule.next(), at(5090));
}

TEST_F(EndScheduleTest, TreeIsAskedOnceAndTheShortestGraceCounts) {
  schedule.ask(at(0), milliseconds(5000));
  EXPECT_EQ(schedule.take_step(at(0)), Step::ask);
  schedule.ask(at(10), milliseconds(9000));
  EXPECT_EQ(schedule.take_step(at(10)), Step::none);
  EXPECT_EQ(schedule.next(), at(5000));
  schedule.ask(at(20));
  EXPECT_EQ(schedule.take_step(at(20)), Step::none);
  EXPECT_EQ(schedule.next(), at(70));
}

TEST_F(EndScheduleTest, TreeIsAskedAlsoWithoutAGrace) {
  schedule.ask(at(0), milliseconds(0));
  EXPECT_EQ(schedule.take_step(at(0)), Step::ask);
  EXPECT_EQ(schedule.take_step(at(0)), Step::kill);
}

TEST_F(EndScheduleTest, KillIsRepeatedWithGrowingPausesWhateverIsAsked) {
  schedule.kill(at(0));
  std::vector<int> pauses;
  int now = 0;
  for (int round = 0; round < 10; ++round) {
    EXPECT_EQ(schedule.take_step(at(now)), Step::kill);
    EXPECT_EQ(schedule.take_step(at(now)), Step::none);
    schedule.ask(at(now), milliseconds(5000));
    schedule.kill(at(now));
    int pause = 0;
    while (schedule.next() > at(now + pause)) ++pause;
    pauses.push_back(pause);
    now += pause;
  }
  EXPECT_EQ(pauses, (std::vector<int>{1, 2, 4, 8, 16, 32, 64, 100, 100, 100}));
}

}  // namespace
}  // namespace lookout
