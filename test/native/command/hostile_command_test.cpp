// P6 where the command itself works against its end.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>

#include "command/cgroup.h"
#include "command/forked_command_test.h"

namespace lookout {
namespace {

using std::chrono::milliseconds;

// Each test runs with a cgroup, where one can be had, and without.
class HostileCommandTest : public CommandTest, public ::testing::WithParamInterface<bool> {
 protected:
  static LaunchSpec hostile(std::vector<std::string> steps) {
    LaunchSpec spec = actor(std::move(steps));
    spec.cgroup = GetParam();
    spec.input = true;
    return spec;
  }

  void await_line(const std::string& line) {
    ASSERT_TRUE(run_until([&] { return listener.output.ends_with(line + "\n"); }));
  }

  // Its guardian is stopped, and stopped again whenever it goes on.
  pid_t start_one_that_stops_its_guardian() {
    const pid_t pid = start(hostile({"deaf", "orphan", "read", "stop_parents"}));
    orphan = told_pid();
    command.write("x");
    await_line("stopped");
    return pid;
  }

  static LaunchSpec flood(std::vector<std::string> more);

  // A flood lasts twenty seconds: what ends later has not been ended.
  bool eventually_before_the_flood_ends(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(15);
    return run_until([&] { return condition() || std::chrono::steady_clock::now() > end; }) &&
           condition();
  }

  void expect_nothing_left() { EXPECT_TRUE(reap_one().none_left); }

  pid_t orphan = -1;
};

INSTANTIATE_TEST_SUITE_P(WithCgroup, HostileCommandTest, ::testing::Values(true));
INSTANTIATE_TEST_SUITE_P(WithoutCgroup, HostileCommandTest, ::testing::Values(false));

TEST_P(HostileCommandTest, P6ProcessWhoseMainThreadHasEndedIsKilledWithWhatIsBelowIt) {
  start(hostile({"deaf", "headless", "say:on", "pause"}));
  await_line("on");
  stop(milliseconds(10));
  EXPECT_EQ(exit_status(), (ExitStatus{0, SIGKILL}));
  expect_nothing_left();
}

TEST_P(HostileCommandTest, P6StopEndsATreeThatStopsItsGuardian) {
  const pid_t pid = start_one_that_stops_its_guardian();
  stop(milliseconds(10));
  EXPECT_EQ(exit_status(), (ExitStatus{0, SIGKILL}));
  EXPECT_TRUE(is_gone(pid));
  EXPECT_TRUE(is_gone(orphan));
  expect_nothing_left();
}

TEST_P(HostileCommandTest, P6EndOfLookoutPortEndsATreeThatStopsItsGuardian) {
  const pid_t pid = start_one_that_stops_its_guardian();
  command.end_and_wait(kLongTime);
  EXPECT_TRUE(is_gone(pid));
  EXPECT_TRUE(is_gone(orphan));
  expect_nothing_left();
}

TEST_P(HostileCommandTest, SignalIsAnsweredAlsoWhereTheGuardianIsStopped) {
  start_one_that_stops_its_guardian();
  const auto outcome = signal(SIGUSR1);
  EXPECT_EQ(std::get<Error>(outcome).reason, "not_running");
  EXPECT_EQ(exit_status(), (ExitStatus{0, SIGKILL}));
  expect_nothing_left();
}

// As many as the link to the guardian takes, and more.
TEST_P(HostileCommandTest, P7ManySignalsAreAnsweredWhereTheGuardianIsStopped) {
  start_one_that_stops_its_guardian();
  constexpr int kSignals = 1500;
  int answers = 0;
  for (int i = 0; i < kSignals; ++i) {
    command.signal(SIGWINCH, [&answers](const Result<Done>&) { ++answers; });
  }
  EXPECT_EQ(exit_status(), (ExitStatus{0, SIGKILL}));
  EXPECT_EQ(answers, kSignals);
  // What was due when the command ended is handled.
  io.restart();
  io.poll();
  expect_nothing_left();
}

TEST_P(HostileCommandTest, P6KillOfLookoutPortEndsATreeWhoseGuardianIsStopped) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  become_subreaper();
  const pid_t program = ::fork();
  if (program == 0) {
    const pid_t pid =
        start(hostile({"deaf", "orphan", "read", "stop_parent", "say:stopped", "pause"}));
    told_pid();
    command.write("x");
    run_until([&] { return listener.output.ends_with("stopped\n"); });
    if (::write(pipe[1], &pid, sizeof pid) < 0) std::_Exit(EXIT_FAILURE);
    run_until([] { return false; });
  }
  ::close(pipe[1]);
  pid_t pid = -1;
  ASSERT_EQ(::read(pipe[0], &pid, sizeof pid), static_cast<ssize_t>(sizeof pid));
  ::close(pipe[0]);
  ::kill(program, SIGKILL);
  EXPECT_TRUE(reap_all());
  EXPECT_TRUE(is_gone(pid));
}

// A process that may write to the cgroup of lookout_port may freeze the guardian, which no wait
// reports.
TEST_P(HostileCommandTest, P6StopEndsATreeWhoseGuardianIsFrozen) {
  const auto freezer = Cgroup::make();
  if (!freezer) GTEST_SKIP() << "cgroup v2 cannot be written here";
  const pid_t pid = start(hostile({"deaf", "orphan", "pause"}));
  orphan = told_pid();
  std::ofstream(freezer->path() + "/cgroup.procs") << guardian_of(pid) << std::flush;
  std::ofstream(freezer->path() + "/cgroup.freeze") << 1 << std::flush;
  stop(milliseconds(0));
  EXPECT_EQ(exit_status(), (ExitStatus{0, SIGKILL}));
  EXPECT_TRUE(is_gone(orphan));
  expect_nothing_left();
}

TEST_P(HostileCommandTest, P6EndOfLookoutPortEndsATreeWhoseGuardianIsFrozen) {
  const auto freezer = Cgroup::make();
  if (!freezer) GTEST_SKIP() << "cgroup v2 cannot be written here";
  const pid_t pid = start(hostile({"deaf", "orphan", "pause"}));
  orphan = told_pid();
  std::ofstream(freezer->path() + "/cgroup.procs") << guardian_of(pid) << std::flush;
  std::ofstream(freezer->path() + "/cgroup.freeze") << 1 << std::flush;
  command.end_and_wait(milliseconds(5000));
  EXPECT_TRUE(is_gone(pid));
  EXPECT_TRUE(is_gone(orphan));
  expect_nothing_left();
}

// Whether the command is reported to run before its parent is gone is a race of the two.
TEST_P(HostileCommandTest, P6SpawnIsAnsweredWhereTheCommandKillsOrStopsItsParentAtOnce) {
  for (const char* step : {"kill_parent", "stop_parent"}) {
    for (int i = 0; i < 20; ++i) {
      listener = {};
      const auto answer = spawn(hostile({"deaf", step, "pause"}));
      if (std::holds_alternative<std::uint64_t>(answer)) {
        command.grant(OutputStreamName::output, kPlenty);
        command.grant(OutputStreamName::errors, kPlenty);
        stop(milliseconds(0));
        exit_status();
      }
      ASSERT_TRUE(reap_one().none_left) << step << " " << i;
    }
  }
}

TEST_P(HostileCommandTest, P6TwoHundredChildrenEndWithTheirParent) {
  start(hostile({"deaf", "children:200", "say:on", "pause"}));
  await_line("on");
  stop(milliseconds(0));
  EXPECT_EQ(exit_status(), (ExitStatus{0, SIGKILL}));
  expect_nothing_left();
}

// A user of nobody else, so that what it may signal is of this test.
constexpr uid_t kUser = 2'000'054'321;

TEST_P(HostileCommandTest, P6ForkBombAtItsLimitOfProcessesIsKilled) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root becomes another user";
  start(hostile({"deaf", "user:" + std::to_string(kUser), "bomb:100"}));
  ASSERT_TRUE(run_until([&] { return listener.output.find("full\n") != std::string::npos; }));
  stop(milliseconds(0));
  EXPECT_EQ(exit_status(), (ExitStatus{0, SIGKILL}));
  expect_nothing_left();
}

// The guardian always has a child to reap.
LaunchSpec HostileCommandTest::flood(std::vector<std::string> more) {
  std::vector<std::string> steps{"deaf", "user:" + std::to_string(kUser), "flood:40"};
  steps.insert(steps.end(), more.begin(), more.end());
  LaunchSpec spec = hostile(std::move(steps));
  spec.linger = milliseconds(10);
  spec.grace = milliseconds(10);
  return spec;
}

TEST_P(HostileCommandTest, P6FloodOfProcessesThatEndIsEnded) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root becomes another user";
  start(flood({"say:on", "pause"}));
  await_line("on");
  command.end_and_wait(milliseconds(10'000));
  expect_nothing_left();
}

TEST_P(HostileCommandTest, P6FloodThatACommandLeavesBehindIsEndedAndItsExitReported) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root becomes another user";
  start(flood({"exit:7"}));
  ASSERT_TRUE(eventually_before_the_flood_ends([&] { return listener.status.has_value(); }));
  EXPECT_EQ(listener.status, (ExitStatus{7, 0}));
  expect_nothing_left();
}

TEST_P(HostileCommandTest, P6FloodWithoutAGuardianIsEnded) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root becomes another user";
  const pid_t pid = start(flood({"say:on", "pause"}));
  await_line("on");
  ::kill(guardian_of(pid), SIGKILL);
  ASSERT_TRUE(eventually_before_the_flood_ends([&] { return listener.status.has_value(); }));
  expect_nothing_left();
}

TEST_P(HostileCommandTest, P6PidNamespaceOfTheCommandIsKilledWithAllInIt) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root makes a PID namespace";
  start(hostile({"deaf", "namespace", "pause"}));
  await_line("init");
  stop(milliseconds(10));
  EXPECT_EQ(exit_status(), (ExitStatus{0, SIGKILL}));
  expect_nothing_left();
}

// The init of a PID namespace becomes the parent of the orphans in it, also of a process that came
// from another tree by setns(2). Such a process stays in the cgroup of its command.
class StrayTest : public ForkedCommandTest {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root makes a PID namespace";
    if (!Cgroup::make()) GTEST_SKIP() << "cgroup v2 cannot be written here";
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    holder_ = fork_part([&] {
      pid_t init = -1;
      if (::unshare(CLONE_NEWPID) == 0) init = ::fork();
      if (init == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        while (true) ::pause();
      }
      EXPECT_EQ(::write(ends[1], &init, sizeof init), static_cast<ssize_t>(sizeof init));
      while (true) ::pause();
    });
    ASSERT_EQ(::read(ends[0], &init_, sizeof init_), static_cast<ssize_t>(sizeof init_));
    ::close(ends[0]);
    ::close(ends[1]);
  }
  ~StrayTest() override {
    if (holder_ <= 0) return;
    ::kill(init_, SIGKILL);
    ::kill(holder_, SIGKILL);
    // This process is a subreaper by now.
    reap_all();
  }

  // A command whose stray runs `sleep`, and what it does then.
  void start_with_stray(const std::string& rest) {
    LaunchSpec spec = shell("nsenter -t " + std::to_string(init_) + " -p setsid sh -c 'sleep " +
                            mark() + " & ' </dev/null >/dev/null 2>&1; " + rest);
    spec.input = true;
    start(spec);
    ASSERT_TRUE(run_until([] { return marked() != 0; }));
  }

  // An argument of its own for the sleep of each test, since several run at the same time.
  static std::string mark() { return "98765." + std::to_string(::getpid()); }

  static pid_t marked() {
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      std::ifstream file(entry.path() / "cmdline");
      std::string text;
      std::getline(file, text, '\0');
      if (text == "sleep" && std::getline(file, text, '\0') && text == mark()) {
        return std::stoi(entry.path().filename());
      }
    }
    return 0;
  }

  pid_t holder_ = 0;
  pid_t init_ = 0;
};

TEST_F(StrayTest, P6StopEndsAProcessThatLeftTheTreeThroughAPidNamespace) {
  start_with_stray("while :; do sleep 0.01; done");
  stop(milliseconds(10'000));
  EXPECT_TRUE(std::holds_alternative<Done>(stop_outcome()));
  exit_status();
  EXPECT_EQ(marked(), 0);  // that init does not reap it
}

TEST_F(StrayTest, P6ExitOfTheCommandEndsAProcessThatLeftTheTreeThroughAPidNamespace) {
  start_with_stray("read line");
  command.close_input();
  exit_status();
  EXPECT_EQ(marked(), 0);  // that init does not reap it
}

// With lookout_port, guardian and command of one user that is not root.
class SameUserTest : public ForkedCommandTest {
 protected:
  // Dumpable, as a program is after its start.
  static bool become_user() {
    return ::setresgid(kUser, kUser, kUser) == 0 && ::setresuid(kUser, kUser, kUser) == 0 &&
           ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0;
  }

  void expect_that_stop_ends(pid_t orphan) {
    stop(milliseconds(10));
    EXPECT_TRUE(std::holds_alternative<Done>(stop_outcome()));
    EXPECT_EQ(exit_status(), (ExitStatus{0, SIGKILL}));
    EXPECT_TRUE(is_gone(orphan));
    EXPECT_TRUE(reap_one().none_left);
  }

  void expect_that_the_end_ends(pid_t orphan) {
    command.end_and_wait(kLongTime);
    EXPECT_TRUE(is_gone(orphan));
    EXPECT_TRUE(reap_one().none_left);
  }
};

TEST_F(SameUserTest, P6CommandCannotTakeDescriptorsOfOrTraceItsGuardianAndLookoutPort) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root becomes another user";
  expect_in_child([this] {
    ASSERT_TRUE(become_user());
    run(actor({"steal"}));
    const std::string nothing = "fd no\nmem no\nenviron no\ngetfd no\nptrace no\n";
    EXPECT_EQ(listener.output, nothing + nothing);
  });
}

// The process of the test is a debugger, which holds a process of the command when that has ended.
class TracedTest : public ForkedCommandTest {
 protected:
  void SetUp() override {
    ASSERT_EQ(::pipe2(to_tracer_.data(), O_CLOEXEC), 0);
    ASSERT_EQ(::pipe2(to_lookout_port_.data(), O_CLOEXEC), 0);
  }

  // In lookout_port: returns whether the process is traced.
  bool have_traced(pid_t pid) {
    bool traced = false;
    return ::write(to_tracer_[1], &pid, sizeof pid) == sizeof pid &&
           ::read(to_lookout_port_[0], &traced, sizeof traced) == sizeof traced && traced;
  }

  void have_released() { EXPECT_EQ(::write(to_tracer_[1], "x", 1), 1); }

  // In the tracer: returns whether it may trace the process, and holds it until have_released().
  bool trace() {
    pid_t pid = 0;
    char byte = 0;
    ::close(to_tracer_[1]);  // lookout_port has the other one
    EXPECT_EQ(::read(to_tracer_[0], &pid, sizeof pid), static_cast<ssize_t>(sizeof pid));
    const bool traced = ::ptrace(PTRACE_SEIZE, pid, nullptr, nullptr) == 0;
    EXPECT_EQ(::write(to_lookout_port_[1], &traced, sizeof traced),
              static_cast<ssize_t>(sizeof traced));
    // The wait of a tracer is not that of the parent, which comes after it.
    if (::read(to_tracer_[0], &byte, 1) == 1) ::waitpid(pid, nullptr, __WALL);
    return traced;
  }

 private:
  std::array<int, 2> to_tracer_{-1, -1};
  std::array<int, 2> to_lookout_port_{-1, -1};
};

TEST_F(TracedTest, P8StopThatATracerHoldsUpNamesTheTracer) {
  const pid_t lookout_port = fork_part([&] {
    const pid_t pid = start(actor({"pause"}));
    if (!have_traced(pid)) return;
    stop(milliseconds(0));
    const auto outcome = stop_outcome();
    have_released();
    ASSERT_TRUE(std::holds_alternative<Error>(outcome));
    EXPECT_EQ(std::get<Error>(outcome).reason, "etimedout");
    EXPECT_TRUE(
        std::get<Error>(outcome).detail.starts_with("process " + std::to_string(pid) + " ("));
    const std::string tracer = "process " + std::to_string(::getppid()) + " traces it";
    EXPECT_NE(std::get<Error>(outcome).detail.find(tracer), std::string::npos);
    EXPECT_EQ(exit_status(), (ExitStatus{0, SIGKILL}));
  });
  const bool traced = trace();
  expect_success(lookout_port);
  if (!traced) GTEST_SKIP() << "this user may trace no other process (ptrace_scope)";
}

// A process of the command takes the limit of open files of its guardian and of lookout_port away,
// which then can open nothing in /proc, nor a pidfd.
class TakenLimitTest : public SameUserTest, public ::testing::WithParamInterface<bool> {
 protected:
  // As root with a cgroup, without one as another user.
  pid_t start_and_take_limits() {
    EXPECT_TRUE(GetParam() || become_user());
    LaunchSpec spec = actor({"deaf", "orphan", "read", "take_limits", "say:taken", "pause"});
    spec.cgroup = GetParam();
    spec.input = true;
    guardian = guardian_of(start(spec));
    const pid_t orphan = told_pid();
    command.write("x");
    EXPECT_TRUE(run_until([&] { return listener.output.ends_with("taken\n"); }));
    return orphan;
  }

  pid_t guardian = -1;
};

INSTANTIATE_TEST_SUITE_P(WithCgroup, TakenLimitTest, ::testing::Values(true));
INSTANTIATE_TEST_SUITE_P(WithoutCgroup, TakenLimitTest, ::testing::Values(false));

TEST_P(TakenLimitTest, P6StopEndsTheTreeThoughNoFileCanBeOpened) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root becomes another user";
  expect_in_child([this] { expect_that_stop_ends(start_and_take_limits()); });
}

TEST_P(TakenLimitTest, P6EndOfLookoutPortEndsTheTreeThoughNoFileCanBeOpened) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root becomes another user";
  expect_in_child([this] { expect_that_the_end_ends(start_and_take_limits()); });
}

TEST_P(TakenLimitTest, P6TreeOfAKilledGuardianEndsThoughNoFileCanBeOpened) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root becomes another user";
  expect_in_child([this] {
    const pid_t orphan = start_and_take_limits();
    ::kill(guardian, SIGKILL);
    EXPECT_EQ(exit_status(), (ExitStatus{0, SIGKILL}));
    EXPECT_TRUE(is_gone(orphan));
    EXPECT_TRUE(reap_one().none_left);
  });
}

// Nobody is left to end the tree, until lookout_port is continued.
TEST_F(SameUserTest, P6StopOfEveryProcessDelaysTheEndUntilLookoutPortIsContinued) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root becomes another user";
  const pid_t lookout_port = fork_part([this] {
    ASSERT_TRUE(become_user());
    LaunchSpec spec = actor({"deaf", "orphan", "read", "stop_all", "say:stopped", "pause"});
    spec.input = true;
    start(spec);
    told_pid();
    command.write("x");
    EXPECT_TRUE(run_until([&] { return listener.output.ends_with("stopped\n"); }));
    stop(milliseconds(10));
    EXPECT_EQ(exit_status(), (ExitStatus{0, SIGKILL}));
    EXPECT_TRUE(reap_one().none_left);
  });
  int status = 0;
  ASSERT_EQ(::waitpid(lookout_port, &status, WUNTRACED), lookout_port);
  ASSERT_TRUE(WIFSTOPPED(status)) << status;
  ::kill(lookout_port, SIGCONT);
  expect_success(lookout_port);
}

std::string cgroup_of(const std::string& pid) {
  const auto content = [&](const char* name) {
    std::ifstream file("/proc/" + pid + "/" + name);
    return std::string{std::istreambuf_iterator<char>(file), {}};
  };
  return cgroup_path(content("mountinfo"), content("cgroup"));
}

using CgroupBelowTest = CommandTest;

TEST_F(CgroupBelowTest, P6CgroupsThatTheCommandHasMadeAreRemovedWithItsOwn) {
  if (!Cgroup::make()) GTEST_SKIP() << "cgroup v2 cannot be written here";
  const pid_t pid = start(actor({"deaf", "orphan", "pause"}));
  const pid_t orphan = told_pid();
  const std::string cgroup = cgroup_of(std::to_string(pid));
  for (const char* below : {"/a/b/c", "/a/d", "/e"}) {
    std::filesystem::create_directories(cgroup + below);
  }
  std::ofstream(cgroup + "/a/b/c/cgroup.procs") << orphan << std::flush;
  EXPECT_EQ(cgroup_of(std::to_string(orphan)), cgroup + "/a/b/c");
  stop(milliseconds(0));
  exit_status();
  EXPECT_TRUE(is_gone(orphan));
  EXPECT_FALSE(std::filesystem::exists(cgroup));
}

// Where the guardian was killed lookout_port removes them.
TEST_F(CgroupBelowTest, RemovalOfManyCgroupsDoesNotHoldUpTheLoop) {
  if (!Cgroup::make()) GTEST_SKIP() << "cgroup v2 cannot be written here";
  const pid_t pid = start(actor({"pause"}));
  const std::string cgroup = cgroup_of(std::to_string(pid));
  for (int i = 0; i < 3000; ++i) {
    std::filesystem::create_directory(cgroup + "/" + std::to_string(i));
  }
  ::kill(guardian_of(pid), SIGKILL);
  int turns_of_the_loop = 0;
  ASSERT_TRUE(run_until([&] {
    if (is_gone(pid) && std::filesystem::exists(cgroup)) ++turns_of_the_loop;
    return listener.status.has_value();
  }));
  EXPECT_GT(turns_of_the_loop, 2);
  EXPECT_FALSE(std::filesystem::exists(cgroup));
}

TEST_F(CgroupBelowTest, CgroupIsMadeWhateverAnotherWithThisProcessIdHasLeft) {
  const auto first = Cgroup::make();
  if (!first) GTEST_SKIP() << "cgroup v2 cannot be written here";
  const auto parent = std::filesystem::path(first->path()).parent_path();
  std::vector<std::filesystem::path> left;
  for (int i = 0; i < 1000; ++i) {
    left.push_back(parent / ("lookout-" + std::to_string(::getpid()) + "-" + std::to_string(i)));
    std::filesystem::create_directory(left.back());
  }
  EXPECT_TRUE(Cgroup::make());
  for (const auto& path : left) ::rmdir(path.c_str());
}

// Its process of the same user is not in /proc for a lookout_port without privileges, whose hidepid
// hides what it may not trace.
class HiddenProcessTest : public SameUserTest {
 protected:
  static bool hide_others() {
    return unshare_mounts() && ::mount("proc", "/proc", "proc", 0, "hidepid=invisible") == 0;
  }

  pid_t start_hidden() {
    LaunchSpec spec = actor({"deaf", "undumpable", "orphan", "say:on", "pause"});
    spec.cgroup = false;
    start(spec);
    const pid_t orphan = told_pid();
    EXPECT_TRUE(run_until([&] { return listener.output.ends_with("on\n"); }));
    EXPECT_EQ(parent_of(orphan), -1) << "it is not hidden";
    return orphan;
  }
};

TEST_F(HiddenProcessTest, P6StopEndsAProcessThatProcHides) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root mounts";
  expect_in_child([this] {
    ASSERT_TRUE(hide_others() && become_user());
    expect_that_stop_ends(start_hidden());
  });
}

TEST_F(HiddenProcessTest, P6EndOfLookoutPortEndsAProcessThatProcHides) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root mounts";
  expect_in_child([this] {
    ASSERT_TRUE(hide_others() && become_user());
    expect_that_the_end_ends(start_hidden());
  });
}

class WithoutProcTest : public ForkedCommandTest {
 protected:
  static bool hide_proc() { return ::mount("none", "/proc", "tmpfs", 0, "") == 0; }

  static LaunchSpec deaf() {
    LaunchSpec spec = actor({"deaf", "say:on", "pause"});
    spec.cgroup = false;
    return spec;
  }
};

TEST_F(WithoutProcTest, P6StopKillsTheProcessGroup) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root mounts";
  expect_in_child([this] {
    ASSERT_TRUE(unshare_mounts());
    ASSERT_TRUE(hide_proc());
    start(deaf());
    run_until([&] { return listener.output == "on\n"; });
    stop(milliseconds(0));
    EXPECT_EQ(exit_status(), (ExitStatus{0, SIGKILL}));
    EXPECT_TRUE(reap_one().none_left);
  });
}

TEST_F(WithoutProcTest, P6EndOfTheGuardianEndsTheProcessGroup) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root mounts";
  expect_in_child([this] {
    ASSERT_TRUE(unshare_mounts());
    ASSERT_TRUE(hide_proc());
    LaunchSpec spec = shell("trap '' TERM; sleep 1000 & echo $PPID; wait");
    spec.cgroup = false;
    start(spec);
    ::kill(told_pid(), SIGKILL);
    EXPECT_EQ(exit_status(), (ExitStatus{0, SIGKILL}));
    EXPECT_TRUE(reap_one().none_left);
  });
}

}  // namespace
}  // namespace lookout
