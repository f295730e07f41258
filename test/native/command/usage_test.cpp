// What the processes of a command have used.
#include "command/usage.h"

#include <gtest/gtest.h>

#include <string>
#include <variant>

#include "command/cgroup.h"
#include "command/command_test.h"

namespace lookout {
namespace {

using UsageTest = CommandTest;

TEST(CpuTicksOfAProcess, AreFoundBehindAnyName) {
  const std::string stat =
      "7 (a) R 1 2 (x) S 1 7 7 0 -1 4194560 100 200 3 4 11 22 33 44 20 0 1 0 500 6000 70\n";
  EXPECT_EQ(parse_cpu_ticks(stat), (CpuTicks{11, 22, 33, 44}));
  EXPECT_EQ(parse_cpu_ticks("7 (a) S 1 7 7"), std::nullopt);
  EXPECT_EQ(parse_cpu_ticks(""), std::nullopt);
}

TEST(NumberAfter, TakesTheWholeName) {
  const std::string lines = "usage_usec 300\nuser_usec 100\nsystem_usec 200\n";
  EXPECT_EQ(number_after(lines, "user_usec"), 100U);
  EXPECT_EQ(number_after(lines, "usec"), std::nullopt);
  EXPECT_EQ(number_after(lines, "user"), std::nullopt);
  EXPECT_EQ(number_after("VmPeak:\t 9 kB\nVmHWM:\t  1234 kB\n", "VmHWM:"), 1234U);
  EXPECT_EQ(number_after("", "x"), std::nullopt);
}

// 300 ms of CPU time, most of it of a process that has ended, and 20 MiB of one that lives.
constexpr const char* kWork =
    "(while read -r -a stat </proc/$BASHPID/stat && ((stat[13] + stat[14] < 30)); do :; done);"
    "text=$(head -c 20971520 /dev/zero | tr '\\0' x); echo ready; read line";

LaunchSpec work() {
  LaunchSpec spec;
  spec.argv = {"/bin/bash", "-c", kWork};
  spec.input = true;
  return spec;
}

void expect_work(const CommandStats& stats) {
  EXPECT_GE(stats.cpu_user + stats.cpu_system, 290'000U);
  EXPECT_GE(stats.memory_peak, 20U * 1024 * 1024);
}

TEST_F(UsageTest, StatsAreThoseOfTheWholeTreeAndSayWhereTheyAreFrom) {
  start(work());
  ASSERT_TRUE(run_until([&] { return listener.output == "ready\n"; }));
  const Result<CommandStats> stats = command.stats();
  ASSERT_TRUE(std::holds_alternative<CommandStats>(stats));
  expect_work(std::get<CommandStats>(stats));
  EXPECT_EQ(std::get<CommandStats>(stats).cpu_from,
            Cgroup::make() ? UsageSource::cgroup : UsageSource::proc);
  stop(std::chrono::milliseconds(0));
  exit_status();
}

TEST_F(UsageTest, StatsWithoutACgroupAreAddedUpFromProc) {
  LaunchSpec spec = work();
  spec.cgroup = false;
  start(spec);
  ASSERT_TRUE(run_until([&] { return listener.output == "ready\n"; }));
  const Result<CommandStats> stats = command.stats();
  ASSERT_TRUE(std::holds_alternative<CommandStats>(stats));
  expect_work(std::get<CommandStats>(stats));
  EXPECT_EQ(std::get<CommandStats>(stats).cpu_from, UsageSource::proc);
  EXPECT_EQ(std::get<CommandStats>(stats).memory_from, UsageSource::proc);
  stop(std::chrono::milliseconds(0));
  exit_status();
}

TEST_F(UsageTest, WithoutACommandThereAreNone) {
  const Result<CommandStats> stats = command.stats();
  EXPECT_EQ(std::get<Error>(stats).reason, "not_running");
}

}  // namespace
}  // namespace lookout
