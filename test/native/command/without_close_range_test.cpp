// P6 on a system whose close_range(2) fails: an old kernel, or a filter of system calls.
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdlib>

#include "command/command_test.h"
#include "command/descriptors.h"

namespace lookout {
namespace {

// For the calling process and all that it starts, for good.
bool forbid_close_range() {
  std::array<sock_filter, 4> program{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog filter{program.size(), program.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0 &&
         ::syscall(SYS_close_range, 1000U, 1000U, 0) != 0;
}

// Runs a part of a test in a process of its own, without close_range.
class WithoutCloseRangeTest : public CommandTest {
 protected:
  template <class Part>
  static void expect_in_child(Part part) {
    const pid_t child = ::fork();
    if (child == 0) std::_Exit(forbid_close_range() && part() ? EXIT_SUCCESS : EXIT_FAILURE);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS) << status;
  }

  static bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }
  static void open_at(int fd) { ::dup2(STDERR_FILENO, fd); }
};

TEST_F(WithoutCloseRangeTest, ARangeOfDescriptorsIsClosedAndNoOther) {
  expect_in_child([] {
    for (const int fd : {100, 101, 300, 301}) open_at(fd);
    close_descriptors(101, 300);
    return is_open(100) && !is_open(101) && !is_open(300) && is_open(301);
  });
}

TEST_F(WithoutCloseRangeTest, ARangeIsClosedAlsoWhereNoDescriptorIsLeftToListIt) {
  expect_in_child([] {
    const rlimit few{60, 60};
    ::setrlimit(RLIMIT_NOFILE, &few);
    while (::open("/dev/null", O_RDONLY) >= 0) {
    }
    close_descriptors(50, kLastDescriptor);
    return is_open(49) && !is_open(50) && !is_open(59);
  });
}

TEST_F(WithoutCloseRangeTest, ARangeIsClosedOnExecOnly) {
  expect_in_child([] {
    for (const int fd : {100, 101}) open_at(fd);
    close_descriptors_on_exec(101, kLastDescriptor);
    return ::fcntl(100, F_GETFD) == 0 && ::fcntl(101, F_GETFD) == FD_CLOEXEC;
  });
}

TEST_F(WithoutCloseRangeTest, CommandInheritsNothingButItsStandardStreams) {
  expect_in_child([this] {
    open_at(100);
    LaunchSpec spec = actor({"fds", "exit:0"});
    spec.limits = {{RLIMIT_NOFILE, 10, 10}};
    run(spec);
    return listener.output == "0 1 2 \n";
  });
}

TEST_F(WithoutCloseRangeTest, EndOfTheInputComesToTheCommand) {
  expect_in_child([this] {
    LaunchSpec spec;
    spec.argv = {"/bin/cat"};
    spec.input = true;
    start(spec);
    command.close_input();
    return exit_status() == ExitStatus{0, 0};
  });
}

TEST_F(WithoutCloseRangeTest, P6GuardianAndCommandEndWhenTheProgramIsKilled) {
  std::array<int, 2> told{};
  ASSERT_EQ(::pipe(told.data()), 0);
  become_subreaper();
  const pid_t program = ::fork();
  if (program == 0) {
    if (!forbid_close_range()) std::_Exit(EXIT_FAILURE);
    const pid_t pid = start(actor({"deaf", "pause"}));
    if (::write(told[1], &pid, sizeof pid) < 0) std::_Exit(EXIT_FAILURE);
    run_until([] { return false; });
  }
  ::close(told[1]);
  pid_t pid = -1;
  ASSERT_EQ(::read(told[0], &pid, sizeof pid), static_cast<ssize_t>(sizeof pid));
  ::close(told[0]);
  ::kill(program, SIGKILL);
  EXPECT_TRUE(eventually([] { return reap_one().none_left; }));
  EXPECT_TRUE(is_gone(pid));
}

}  // namespace
}  // namespace lookout
