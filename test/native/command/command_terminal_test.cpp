// A command in a terminal of its own.
#include <sys/mount.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "command/forked_command_test.h"

namespace lookout {
namespace {

using CommandTerminalTest = ForkedCommandTest;

// A file system of terminals other than that of /dev/pts, where the number of a terminal names
// nothing, or the terminal of somebody else.
bool use_other_terminals(const std::string& directory) {
  return ::mount("none", directory.c_str(), "devpts", 0, "newinstance,ptmxmode=0666") == 0 &&
         ::mount("none", "/dev", "tmpfs", 0, "") == 0 &&
         ::symlink((directory + "/ptmx").c_str(), "/dev/ptmx") == 0;
}

TEST_F(CommandTerminalTest, TerminalIsOpenedThroughItsMasterAndNotByName) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root mounts";
  std::string directory = ::testing::TempDir() + "lookout-command-XXXXXX";
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  expect_in_child([&] {
    ASSERT_TRUE(unshare_mounts());
    ASSERT_TRUE(use_other_terminals(directory));
    LaunchSpec spec = shell("stty size");
    spec.terminal = WindowSize{11, 22};
    ASSERT_GT(start(spec), 0);
    EXPECT_EQ(exit_status(), (ExitStatus{0, 0}));
    EXPECT_EQ(listener.output, "11 22\r\n");
  });
  ::rmdir(directory.c_str());
}

// The shell has job control: its child is in a process group of its own, in the foreground.
LaunchSpec shell_with_a_job(const std::string& job) {
  LaunchSpec spec;
  spec.argv = {"/bin/sh", "-c",
               "set -m; trap 'echo shell got it' INT QUIT TSTP USR1; sh -c \"" + job +
                   "\"; echo shell goes on"};
  spec.terminal = WindowSize{};
  return spec;
}

TEST_F(CommandTerminalTest, SignalOfAKeyGoesToTheForegroundProcessGroup) {
  for (const char* name : {"INT", "QUIT"}) {
    listener = {};
    start(shell_with_a_job("trap 'echo job got it; exit' " + std::string(name) +
                           "; echo up; while :; do sleep 0.01; done"));
    ASSERT_TRUE(run_until([&] { return listener.output == "up\r\n"; }));
    EXPECT_TRUE(
        std::holds_alternative<Done>(signal(name == std::string("INT") ? SIGINT : SIGQUIT)));
    EXPECT_EQ(exit_status(), (ExitStatus{0, 0}));
    // The shell may write between them what has ended the sleep of the job.
    EXPECT_NE(listener.output.find("job got it\r\nshell goes on\r\n"), std::string::npos)
        << listener.output;
  }
}

TEST_F(CommandTerminalTest, OtherSignalGoesToTheProcessGroupOfTheCommand) {
  start(shell_with_a_job("echo up; read line"));
  ASSERT_TRUE(run_until([&] { return listener.output == "up\r\n"; }));
  EXPECT_TRUE(std::holds_alternative<Done>(signal(SIGUSR1)));
  command.write("\n");
  EXPECT_EQ(exit_status(), (ExitStatus{0, 0}));
  EXPECT_NE(listener.output.find("shell got it"), std::string::npos);
}

// Its foreground process group is its own.
TEST_F(CommandTerminalTest, SignalOfAKeyGoesToACommandWithoutJobs) {
  LaunchSpec spec = shell("trap 'echo got it; exit 4' INT; echo up; while :; do sleep 0.01; done");
  spec.terminal = WindowSize{};
  start(spec);
  ASSERT_TRUE(run_until([&] { return listener.output == "up\r\n"; }));
  EXPECT_TRUE(std::holds_alternative<Done>(signal(SIGINT)));
  EXPECT_EQ(exit_status(), (ExitStatus{4, 0}));
}

}  // namespace
}  // namespace lookout
