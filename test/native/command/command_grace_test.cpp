// P10: every process of a command is asked to end, and has its grace, before it is killed.
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "command/forked_command_test.h"

namespace lookout {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLongGrace{60'000};

class CommandGraceTest : public ForkedCommandTest {
 protected:
  CommandGraceTest() {
    std::string name = ::testing::TempDir() + "lookout-grace-XXXXXX";
    directory = ::mkdtemp(name.data());
  }
  ~CommandGraceTest() override { std::filesystem::remove_all(directory); }

  // A shell loop, silent where a child of it is killed, that needs a moment to end when it gets the
  // signal, and then makes the file `name` in the directory. "NAME up" is printed when it has its
  // handler.
  std::string server(const std::string& name, const std::string& signal = "TERM") const {
    return "(exec 2>/dev/null; trap 'sleep 0.2; : >" + directory + "/" + name + "; exit 0' " +
           signal + "; echo " + name + " up; while :; do sleep 0.01; done)";
  }

  void start_server(const LaunchSpec& spec, const std::string& name = "clean") {
    start(spec);
    ASSERT_TRUE(run_until([&] { return listener.output.find(name + " up") != std::string::npos; }));
  }

  // Runs the script, a server, in a lookout_port that is killed, and waits until nothing is left.
  void kill_lookout_port_of(const std::string& script) {
    become_subreaper();
    const pid_t lookout_port = fork_part([&] {
      LaunchSpec spec = shell(script);
      spec.grace = kLongGrace;
      start_server(spec);
      ::kill(::getpid(), SIGKILL);
    });
    EXPECT_EQ(::waitpid(lookout_port, nullptr, 0), lookout_port);
    EXPECT_TRUE(reap_all());
  }

  bool is_clean(const std::string& name = "clean") const {
    return std::filesystem::exists(directory + "/" + name);
  }

  std::string directory;
};

TEST_F(CommandGraceTest, P10TreeHasTheWholeGraceAlsoWhereItsGroupLeaderEndsEarly) {
  LaunchSpec spec = shell(server("clean") + " & wait");
  spec.linger = milliseconds(1);
  spec.grace = milliseconds(1);
  start_server(spec);
  stop(kLongGrace);
  EXPECT_TRUE(std::holds_alternative<Done>(stop_outcome()));
  EXPECT_EQ(exit_status(), (ExitStatus{0, SIGTERM}));
  EXPECT_TRUE(is_clean());
  EXPECT_FALSE(listener.killed);
}

TEST_F(CommandGraceTest, P10StopAsksEveryProcessWhateverItsGroupAndSession) {
  LaunchSpec spec =
      shell("setsid sh -c \"" + server("session") + "\" & set -m; " + server("group") + " & wait");
  start(spec);
  ASSERT_TRUE(run_until([&] {
    return listener.output.find("session up") != std::string::npos &&
           listener.output.find("group up") != std::string::npos;
  }));
  stop(kLongGrace);
  exit_status();
  EXPECT_TRUE(is_clean("session"));
  EXPECT_TRUE(is_clean("group"));
  EXPECT_FALSE(listener.killed);
}

TEST_F(CommandGraceTest, P10StopHasItsGraceAlsoBehindMoreSignalsThanTheLinkHolds) {
  LaunchSpec spec = shell(server("clean"));
  spec.grace = milliseconds(1);
  start_server(spec);
  constexpr int kSignals = 2000;
  int sent = 0;
  for (int i = 0; i < kSignals; ++i) {
    command.signal(SIGCONT, [&sent](const Result<Done>& outcome) {
      if (std::holds_alternative<Done>(outcome)) ++sent;
    });
  }
  stop(kLongGrace);
  exit_status();
  EXPECT_EQ(sent, kSignals);
  EXPECT_TRUE(is_clean());
  EXPECT_FALSE(listener.killed);
}

TEST_F(CommandGraceTest, P10EachProcessIsAskedOnce) {
  LaunchSpec spec = shell("trap 'echo asked' TERM; echo clean up; while :; do sleep 0.01; done");
  start_server(spec);
  stop(milliseconds(300));
  stop(milliseconds(200));
  EXPECT_EQ(exit_status(), (ExitStatus{0, SIGKILL}));
  EXPECT_EQ(listener.output, "clean up\nasked\n");
  EXPECT_TRUE(listener.killed);
}

// The children make the search for the processes take longer than the handler does.
TEST_F(CommandGraceTest, P10ProcessThatAHandlerOfTheStopSignalForksIsNotAsked) {
  for (int i = 0; i < 5; ++i) {
    listener = {};
    start(actor({"children:100", "fork_at_term", "say:on", "pause"}));
    ASSERT_TRUE(run_until([&] { return listener.output == "on\n"; }));
    stop(kLongGrace);
    EXPECT_EQ(exit_status(), (ExitStatus{0, 0}));
    EXPECT_EQ(listener.output, "on\n");
  }
}

TEST_F(CommandGraceTest, P10WhatTheCommandLeavesBehindIsAskedBeforeItIsKilled) {
  LaunchSpec spec = shell(server("clean") + " & sleep 0.1");
  spec.linger = milliseconds(1);
  spec.grace = kLongGrace;
  start(spec);
  EXPECT_EQ(exit_status(), (ExitStatus{0, 0}));
  EXPECT_TRUE(is_clean());
  EXPECT_FALSE(listener.killed);
}

TEST_F(CommandGraceTest, KillThatWasNeededIsReported) {
  start(actor({"orphan", "pause"}));
  told_pid();
  stop(milliseconds(1));
  exit_status();
  EXPECT_TRUE(listener.killed);
}

TEST_F(CommandGraceTest, P10StopSignalIsTheOneThatWasAskedFor) {
  LaunchSpec spec = shell("trap '' TERM; " + server("clean", "USR1"));
  spec.stop_signal = SIGUSR1;
  start_server(spec);
  stop(kLongGrace);
  exit_status();
  EXPECT_TRUE(is_clean());
}

TEST_F(CommandGraceTest, P10EndOfLookoutPortGivesTheGraceOfTheLaunch) {
  LaunchSpec spec = shell(server("clean"));
  spec.grace = kLongGrace;
  start_server(spec);
  command.end_and_wait(milliseconds(0));
  EXPECT_TRUE(is_clean());
  EXPECT_TRUE(reap_one().none_left);
}

TEST_F(CommandGraceTest, P10EndOfLookoutPortReadsWhatTheCleanUpPrints) {
  LaunchSpec spec = shell("trap 'head -c 2000000 /dev/zero; : >" + directory +
                          "/clean; exit' TERM; echo clean up; while :; do sleep 0.01; done");
  spec.grace = milliseconds(10'000);
  start_server(spec);
  command.end_and_wait(milliseconds(0));
  EXPECT_TRUE(is_clean());
  EXPECT_TRUE(reap_one().none_left);
}

TEST_F(CommandGraceTest, P10KillOfLookoutPortGivesTheGraceOfTheLaunch) {
  kill_lookout_port_of("trap '' HUP; " + server("clean"));
  EXPECT_TRUE(is_clean());
}

TEST_F(CommandGraceTest, P10CleanUpMayPrintAfterAKillOfLookoutPort) {
  // More than a pipe holds, on both streams.
  kill_lookout_port_of("trap 'head -c 200000 /dev/zero; head -c 200000 /dev/zero >&2; : >" +
                       directory +
                       "/clean; exit' TERM; echo clean up; while :; do sleep 0.01; done");
  EXPECT_TRUE(is_clean());
}

// A set-user-ID program of root, which cuts itself off from its user altogether, as sudo does.
class UnstoppableTest : public CommandGraceTest {
 protected:
  static constexpr uid_t kUser = 2'000'054'322;

  std::string unstoppable() const {
    const std::string path = directory + "/unstoppable";
    std::filesystem::copy_file(LOOKOUT_ACTOR, path);
    ::chmod(directory.c_str(), 0755);
    ::chmod(path.c_str(), 04755);
    return path;
  }

  static bool become_user() {
    return ::setresgid(kUser, kUser, kUser) == 0 && ::setresuid(kUser, kUser, kUser) == 0;
  }

  // Runs `part`, which gets the path of such a program, in a lookout_port of another user.
  template <class Part>
  void run_as_user(Part part) {
    const std::string program = unstoppable();
    become_subreaper();
    const pid_t lookout_port = fork_part([&] {
      ASSERT_TRUE(become_user());
      part(program);
    });
    expect_success(lookout_port);
    kill_below(::getpid());
    EXPECT_TRUE(reap_all());
  }
};

TEST_F(UnstoppableTest, StopFailsWithEpermAndNamesTheProcessThatMayNotBeSignalled) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root makes such a program";
  run_as_user([&](const std::string& program) {
    LaunchSpec spec;
    spec.argv = {program, "root", "pid", "pause"};
    start(spec);
    const pid_t pid = told_pid();
    stop(milliseconds(10));
    const auto outcome = stop_outcome();
    EXPECT_EQ(std::get<Error>(outcome).reason, "eperm");
    EXPECT_NE(std::get<Error>(outcome).detail.find(std::to_string(pid) + " (unstoppable)"),
              std::string::npos);
    EXPECT_FALSE(listener.status);
    stopped.reset();
    stop(milliseconds(60'000));
    EXPECT_EQ(std::get<Error>(stop_outcome()).reason, "eperm");
    command.end_and_wait(milliseconds(0));
  });
}

TEST_F(UnstoppableTest, ProcessThatCouldNotBeKilledIsNotReportedAsKilled) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root makes such a program";
  run_as_user([&](const std::string& program) {
    LaunchSpec spec;
    spec.argv = {program, "root", "pid", "read"};
    spec.input = true;
    spec.cgroup = false;
    start(spec);
    told_pid();
    stop(milliseconds(10));
    EXPECT_EQ(std::get<Error>(stop_outcome()).reason, "eperm");
    command.write("x");
    exit_status();
    EXPECT_FALSE(listener.killed);
  });
}

// The process that may not be signalled cannot be found either.
TEST_F(UnstoppableTest, StopFailsWithEmfileWhereTheCommandHasTakenTheLimitOfOpenFiles) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root makes such a program";
  run_as_user([&](const std::string& program) {
    LaunchSpec spec;
    spec.argv = {program, "read", "take_limits", "root", "say:taken", "pause"};
    spec.input = true;
    start(spec);
    command.write("x");
    EXPECT_TRUE(run_until([&] { return listener.output == "taken\n"; }));
    stop(milliseconds(10));
    const auto outcome = stop_outcome();
    ASSERT_TRUE(std::holds_alternative<Error>(outcome));
    EXPECT_EQ(std::get<Error>(outcome).reason, "emfile");
    EXPECT_NE(std::get<Error>(outcome).detail.find("prlimit(2)"), std::string::npos);
    EXPECT_FALSE(listener.status);
    // It goes on.
    EXPECT_TRUE(std::holds_alternative<Error>(signal(SIGUSR1)));
    command.end_and_wait(milliseconds(0));
  });
}

}  // namespace
}  // namespace lookout
