// A command under test whose lookout_port is a process of its own, which may have other mounts and
// another user than the tests.
#pragma once

#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "command/command_test.h"

namespace lookout {

class ForkedCommandTest : public CommandTest {
 protected:
  // `part` runs in a child process, and may have failed expectations.
  template <class Part>
  static pid_t fork_part(Part part) {
    const pid_t child = ::fork();
    if (child != 0) return child;
    part();
    std::_Exit(HasFailure() ? EXIT_FAILURE : EXIT_SUCCESS);
  }

  static void expect_success(pid_t child) {
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS) << status;
  }

  template <class Part>
  static void expect_in_child(Part part) {
    expect_success(fork_part(part));
  }

  static bool unshare_mounts() {
    return ::unshare(CLONE_NEWNS) == 0 &&
           ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, "") == 0;
  }
};

}  // namespace lookout
