// P6: nothing of a command is left behind, whoever ends and however.
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <fstream>
#include <optional>
#include <utility>
#include <variant>

#include "command/command_test.h"

namespace lookout {
namespace {

using CommandEndTest = CommandTest;
using std::chrono::milliseconds;

TEST_F(CommandEndTest, ExitIsToldByCodeOrBySignal) {
  EXPECT_EQ(run(actor({"exit:255"})), (ExitStatus{255, 0}));
  listener.status.reset();
  EXPECT_EQ(run(shell("kill -SEGV $$")), (ExitStatus{0, SIGSEGV}));
}

TEST_F(CommandEndTest, StopIsGentleFirst) {
  start(shell("trap 'echo bye; exit 5' TERM; echo on; while :; do sleep 0.01; done"));
  ASSERT_TRUE(run_until([&] { return listener.output == "on\n"; }));
  stop(milliseconds(60'000));
  EXPECT_EQ(exit_status(), (ExitStatus{5, 0}));
  EXPECT_EQ(listener.output, "on\nbye\n");
}

TEST_F(CommandEndTest, P6StopDuringTheLaunchEndsTheCommand) {
  std::optional<Result<std::uint64_t>> spawned;
  command.spawn(actor({"pause"}), [&](auto result) { spawned = std::move(result); });
  stop(milliseconds(60'000));
  EXPECT_EQ(exit_status(), (ExitStatus{0, SIGTERM}));
  ASSERT_TRUE(spawned);
  EXPECT_TRUE(std::holds_alternative<std::uint64_t>(*spawned));
  EXPECT_TRUE(std::holds_alternative<Done>(stop_outcome()));
}

TEST_F(CommandEndTest, StopDuringALaunchThatFailsIsAnswered) {
  std::optional<Result<std::uint64_t>> spawned;
  LaunchSpec spec = actor({"pause"});
  spec.argv = {"/nowhere/program"};
  command.spawn(spec, [&](auto result) { spawned = std::move(result); });
  stop(milliseconds(60'000));
  ASSERT_TRUE(run_until([&] { return spawned.has_value(); }));
  ASSERT_TRUE(std::holds_alternative<Error>(*spawned));
  EXPECT_EQ(std::get<Error>(*spawned).reason, "enoent");
  stop_outcome();
}

TEST_F(CommandEndTest, StopReachesAHaltedCommand) {
  const pid_t pid = start(actor({"say:on", "pause"}));
  ASSERT_TRUE(run_until([&] { return listener.output == "on\n"; }));
  ::kill(pid, SIGSTOP);
  stop(milliseconds(60'000));
  EXPECT_EQ(exit_status(), (ExitStatus{0, SIGTERM}));
}

TEST_F(CommandEndTest, StopKillsWhatIsDeafAfterItsGrace) {
  start(actor({"deaf", "say:on", "pause"}));
  ASSERT_TRUE(run_until([&] { return listener.output == "on\n"; }));
  stop(milliseconds(10));
  EXPECT_EQ(exit_status(), (ExitStatus{0, SIGKILL}));
}

TEST_F(CommandEndTest, SignalGoesToTheWholeGroup) {
  start(
      shell("trap 'echo parent; wait; exit 0' USR1; (trap 'echo child; exit 0' USR1; echo on; "
            "while :; do sleep 0.01; done) & while :; do sleep 0.01; done"));
  ASSERT_TRUE(run_until([&] { return listener.output == "on\n"; }));
  EXPECT_TRUE(std::holds_alternative<Done>(signal(SIGUSR1)));
  EXPECT_EQ(exit_status(), (ExitStatus{0, 0}));
  EXPECT_NE(listener.output.find("parent\n"), std::string::npos);
  EXPECT_NE(listener.output.find("child\n"), std::string::npos);
}

TEST_F(CommandEndTest, AfterTheExitThereIsNothingToSignal) {
  run(actor({"exit:0"}));
  const auto signalled = signal(SIGTERM);
  EXPECT_EQ(std::get<Error>(signalled).reason, "not_running");
  stop(milliseconds(0));
  EXPECT_EQ(std::get<Error>(stop_outcome()).reason, "not_running");
  const auto written = command.write("x");
  EXPECT_EQ(std::get<Error>(written).reason, "not_running");
}

TEST_F(CommandEndTest, P6OrphanWithASessionOfItsOwnIsGoneWhenTheExitIsTold) {
  start(actor({"orphan", "pause"}));
  const pid_t orphan = told_pid();
  EXPECT_FALSE(is_gone(orphan));
  bool gone = false;
  listener.at_exit = [&] { gone = is_gone(orphan); };
  stop(milliseconds(10));
  exit_status();
  EXPECT_TRUE(gone);
}

TEST_F(CommandEndTest, P6WhatIsLeftAtTheExitOfTheCommandIsEndedAfterItsTime) {
  LaunchSpec spec = actor({"orphan", "exit:6"});
  spec.linger = milliseconds(1);
  start(spec);
  const pid_t orphan = told_pid();
  EXPECT_EQ(exit_status(), (ExitStatus{6, 0}));
  EXPECT_TRUE(is_gone(orphan));
}

TEST_F(CommandEndTest, WhatEndsSoonAfterTheCommandSaysItsLastWordFirst) {
  LaunchSpec spec = shell("(sleep 0.1; echo late) & exit 7");
  spec.linger = milliseconds(60'000);
  EXPECT_EQ(run(spec), (ExitStatus{7, 0}));
  EXPECT_EQ(listener.output, "late\n");
}

TEST_F(CommandEndTest, WithoutALingerTimeWhatIsLeftAtTheExitGoesOnAsAChildOfNobodyHere) {
  LaunchSpec spec = actor({"orphan", "exit:6"});
  spec.linger.reset();
  start(spec);
  const pid_t orphan = told_pid();
  EXPECT_EQ(exit_status(), (ExitStatus{6, 0}));
  EXPECT_FALSE(listener.killed);
  EXPECT_TRUE(reap_one().none_left);
  EXPECT_FALSE(is_gone(orphan));
  // Nor does the end of the next command end it.
  listener.status.reset();
  EXPECT_EQ(run(actor({"exit:0"})), (ExitStatus{0, 0}));
  EXPECT_FALSE(is_gone(orphan));
  ::kill(orphan, SIGKILL);
}

TEST_F(CommandEndTest, P6WithoutALingerTimeAStopEndsTheWholeTree) {
  LaunchSpec spec = actor({"deaf", "orphan", "pause"});
  spec.linger.reset();
  start(spec);
  const pid_t orphan = told_pid();
  stop(milliseconds(1));
  EXPECT_EQ(exit_status(), (ExitStatus{0, SIGKILL}));
  EXPECT_TRUE(is_gone(orphan));
}

TEST_F(CommandEndTest, P6WithoutALingerTimeTheEndOfLookoutPortEndsATreeWhoseCommandRuns) {
  LaunchSpec spec = actor({"deaf", "orphan", "pause"});
  spec.linger.reset();
  spec.grace = milliseconds(1);
  start(spec);
  const pid_t orphan = told_pid();
  command.end_and_wait(kLongTime);
  EXPECT_TRUE(is_gone(orphan));
}

TEST_F(CommandEndTest, P6ProcessesThatReplaceThemselvesWithoutPauseAreCaught) {
  LaunchSpec spec = actor({"say:on", "chain"});
  spec.linger = milliseconds(1);
  EXPECT_EQ(run(spec), (ExitStatus{0, 0}));
}

TEST_F(CommandEndTest, P6CommandThatClosesAllItsDescriptorsIsStillWaitedFor) {
  const pid_t pid = start(actor({"pid", "close", "pause"}));
  EXPECT_EQ(told_pid(), pid);
  EXPECT_FALSE(listener.status);
  stop(milliseconds(1000));
  EXPECT_EQ(exit_status(), (ExitStatus{0, SIGTERM}));
}

TEST_F(CommandEndTest, P6NoZombieIsLeftByShortCommands) {
  LaunchSpec spec = actor({"child", "exit:0"});
  spec.linger = milliseconds(1);
  for (int i = 0; i < 20; ++i) {
    listener.status.reset();
    EXPECT_EQ(run(spec), (ExitStatus{0, 0}));
  }
  EXPECT_TRUE(reap_one().none_left);
}

TEST_F(CommandEndTest, P6WholeTreeEndsWhenTheGuardianIsKilled) {
  const pid_t pid = start(actor({"deaf", "orphan", "pause"}));
  const pid_t orphan = told_pid();
  const pid_t guardian = guardian_of(pid);
  ::kill(guardian, SIGKILL);
  EXPECT_EQ(exit_status(), (ExitStatus{0, SIGKILL}));
  EXPECT_TRUE(is_gone(pid));
  EXPECT_TRUE(is_gone(orphan));
  EXPECT_TRUE(is_gone(guardian));
}

TEST_F(CommandEndTest, GuardianHearsNoSignalButTheKill) {
  const pid_t pid = start(actor({"say:on", "pause"}));
  const pid_t guardian = guardian_of(pid);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGALRM}) {
    ::kill(guardian, number);
  }
  EXPECT_NE(::getsid(guardian), ::getsid(0));
  stop(milliseconds(60'000));
  EXPECT_EQ(exit_status(), (ExitStatus{0, SIGTERM}));
}

// Starts the command in a process of its own, which is then killed.
TEST_F(CommandEndTest, P6WholeTreeEndsWhenTheProgramIsKilled) {
  std::array<int, 2> told{};
  ASSERT_EQ(::pipe(told.data()), 0);
  const pid_t program = ::fork();
  if (program == 0) {
    const pid_t pid = start(actor({"deaf", "orphan", "pause"}));
    const std::array<pid_t, 3> pids{pid, told_pid(), guardian_of(pid)};
    if (::write(told[1], pids.data(), sizeof pids) < 0) std::_Exit(1);
    run_until([] { return false; });
  }
  ::close(told[1]);
  std::array<pid_t, 3> pids{};
  ASSERT_EQ(::read(told[0], pids.data(), sizeof pids), static_cast<ssize_t>(sizeof pids));
  ::kill(program, SIGKILL);
  EXPECT_EQ(::waitpid(program, nullptr, 0), program);
  become_subreaper();
  for (const pid_t pid : pids) {
    EXPECT_TRUE(eventually([&] {
      reap_one();
      return is_gone(pid);
    })) << pid;
  }
  ::close(told[0]);
}

TEST_F(CommandEndTest, P6EndOfTheProgramEndsTheTreeAndWaitsForIt) {
  const pid_t pid = start(actor({"deaf", "orphan", "pause"}));
  const pid_t orphan = told_pid();
  command.end_and_wait(kLongTime);
  EXPECT_TRUE(is_gone(pid));
  EXPECT_TRUE(is_gone(orphan));
  EXPECT_FALSE(listener.status);
}

TEST_F(CommandEndTest, P6EndOfTheProgramEndsATreeWhoseGuardianWasJustKilled) {
  const pid_t pid = start(actor({"deaf", "orphan", "pause"}));
  const pid_t orphan = told_pid();
  const pid_t guardian = guardian_of(pid);
  ::kill(guardian, SIGKILL);
  command.end_and_wait(kLongTime);
  EXPECT_TRUE(is_gone(pid));
  EXPECT_TRUE(is_gone(orphan));
  EXPECT_TRUE(is_gone(guardian));
}

TEST_F(CommandEndTest, P6LaunchThatFailsInTheGuardianLeavesNoZombie) {
  LaunchSpec spec = actor({"exit:0"});
  spec.limits = {{RLIMIT_NOFILE, 2, 1}};  // no system takes a hard limit below the soft one
  EXPECT_EQ(refusal(spec), "bad_limit setrlimit");
  EXPECT_TRUE(reap_one().none_left);
}

class DescriptorLimit {
 public:
  explicit DescriptorLimit(rlim_t soft) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit few{soft, before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &few);
  }
  ~DescriptorLimit() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  DescriptorLimit(const DescriptorLimit&) = delete;
  DescriptorLimit& operator=(const DescriptorLimit&) = delete;

 private:
  rlimit before_{};
};

// With one descriptor more at each try, so that each that is needed is missing once.
TEST_F(CommandEndTest, P6WantOfDescriptorsLeavesNoProcess) {
  run(actor({"exit:0"}));  // the loop has its descriptors then
  bool started = false;
  for (rlim_t descriptors = 3; !started && descriptors < 200; ++descriptors) {
    const DescriptorLimit few(descriptors);
    started = refusal(actor({"pause"})) == "started";
    if (!started) {
      ASSERT_TRUE(reap_one().none_left) << descriptors;
    }
  }
  EXPECT_TRUE(started);
  command.end_and_wait(kLongTime);
}

// A program that runs a command may run a second one, such as fswatch.
class TwoCommandsTest : public CommandTest {
 protected:
  // Deaf, with an orphan: what would end it can only be a SIGKILL.
  void start_other() {
    std::optional<Result<std::uint64_t>> answer;
    other.spawn(actor({"deaf", "orphan", "pause"}),
                [&](Result<std::uint64_t> result) { answer = std::move(result); });
    ASSERT_TRUE(run_until([&] { return answer.has_value(); }));
    other_pid = static_cast<pid_t>(std::get<std::uint64_t>(*answer));
    other.grant(OutputStreamName::output, kPlenty);
    ASSERT_TRUE(run_until([&] { return other_listener.output.find('\n') != std::string::npos; }));
    other_orphan = static_cast<pid_t>(std::stoi(other_listener.output));
  }

  void expect_other_unharmed() {
    EXPECT_TRUE(is_alive(guardian_of(other_pid)));
    EXPECT_TRUE(is_alive(other_pid));
    EXPECT_TRUE(is_alive(other_orphan));
    EXPECT_FALSE(other_listener.status);
    other.stop(milliseconds(0), [](const Result<Done>&) {});
    EXPECT_TRUE(run_until([&] { return other_listener.status.has_value(); }));
    EXPECT_TRUE(is_gone(other_orphan));
    EXPECT_TRUE(reap_one().none_left);
  }

  // A process that was killed is a zombie at first.
  static bool is_alive(pid_t pid) {
    std::string line;
    std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/stat"), line);
    const auto stat = parse_process_stat(line);
    return stat && stat->state != 'Z' && stat->state != 'X';
  }

  RecordingListener other_listener;
  Command other{io, other_listener};
  pid_t other_pid = -1;
  pid_t other_orphan = -1;
};

TEST_F(TwoCommandsTest, P6EndOfOneIsNotTheEndOfTheOther) {
  start_other();
  EXPECT_EQ(run(actor({"exit:3"})), (ExitStatus{3, 0}));
  expect_other_unharmed();
}

TEST_F(TwoCommandsTest, P6OneThatCannotBeLaunchedIsNotTheEndOfTheOther) {
  start_other();
  LaunchSpec spec = actor({"exit:0"});
  spec.limits = {{RLIMIT_NOFILE, 2, 1}};
  EXPECT_EQ(refusal(spec), "bad_limit setrlimit");
  expect_other_unharmed();
}

TEST_F(TwoCommandsTest, P6TreeOfAKilledGuardianEndsAndTheOtherTreeDoesNot) {
  start_other();
  const pid_t pid = start(actor({"deaf", "orphan", "pause"}));
  const pid_t orphan = told_pid();
  ::kill(guardian_of(pid), SIGKILL);
  EXPECT_EQ(exit_status(), (ExitStatus{0, SIGKILL}));
  EXPECT_TRUE(is_gone(pid));
  EXPECT_TRUE(is_gone(orphan));
  expect_other_unharmed();
}

TEST_F(TwoCommandsTest, P6BothTreesEndWhereBothGuardiansAreKilledAtOnce) {
  start_other();
  const pid_t pid = start(actor({"deaf", "orphan", "pause"}));
  const pid_t orphan = told_pid();
  const std::array<pid_t, 2> guardians{guardian_of(pid), guardian_of(other_pid)};
  for (const pid_t guardian : guardians) ::kill(guardian, SIGKILL);
  exit_status();
  EXPECT_TRUE(run_until([&] { return other_listener.status.has_value(); }));
  for (const pid_t each : {pid, orphan, other_pid, other_orphan}) EXPECT_TRUE(is_gone(each));
  EXPECT_TRUE(reap_one().none_left);
}

}  // namespace
}  // namespace lookout
