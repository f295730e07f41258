// Each test runs in a forked child, since it takes over the descriptors 0 and 1.
#include "bridge/standard_streams.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>

namespace lookout {
namespace {

bool same_file(int a, int b) {
  struct stat first {};
  struct stat second {};
  return ::fstat(a, &first) == 0 && ::fstat(b, &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

bool is_null_device(int fd) {
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  struct stat is {};
  struct stat should {};
  return ::fstat(fd, &is) == 0 && ::fstat(null.get(), &should) == 0 && is.st_rdev == should.st_rdev;
}

bool is_private(int fd) {
  return fd >= 3 && (::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
}

// Puts the ends of two pipes on 0 and 1, as a port program is started.
struct PortLike {
  PortLike() {
    if (::pipe2(in.data(), O_CLOEXEC) != 0 || ::pipe2(out.data(), O_CLOEXEC) != 0 ||
        ::dup2(in[0], STDIN_FILENO) < 0 || ::dup2(out[1], STDOUT_FILENO) < 0) {
      std::_Exit(99);
    }
  }
  std::array<int, 2> in{};
  std::array<int, 2> out{};
};

// The exit code is the number of the first expectation that failed, or 0.
void exit_with_first_failure(std::initializer_list<bool> expectations) {
  int number = 0;
  for (const bool holds : expectations) {
    ++number;
    if (!holds) std::_Exit(number);
  }
  std::_Exit(0);
}

TEST(StandardStreams, AreMovedOutOfTheWayAndPrivate) {
  EXPECT_EXIT(
      {
        const PortLike port;
        const auto taken = take_standard_streams();
        const auto& streams = std::get<StandardStreams>(taken);
        exit_with_first_failure({is_private(streams.input.get()), is_private(streams.output.get()),
                                 same_file(streams.input.get(), port.in[0]),
                                 same_file(streams.output.get(), port.out[1])});
      },
      ::testing::ExitedWithCode(0), "");
}

TEST(StandardStreams, LeaveAStrayPrintNoWayIntoTheStream) {
  EXPECT_EXIT(
      {
        const PortLike port;
        const auto taken = take_standard_streams();
        exit_with_first_failure({is_null_device(STDIN_FILENO),
                                 same_file(STDOUT_FILENO, STDERR_FILENO),
                                 !same_file(STDOUT_FILENO, port.out[1])});
      },
      ::testing::ExitedWithCode(0), "");
}

TEST(StandardStreams, AreTakenAlsoWithoutAStandardError) {
  EXPECT_EXIT(
      {
        const PortLike port;
        ::close(STDERR_FILENO);
        const auto taken = take_standard_streams();
        exit_with_first_failure({std::holds_alternative<StandardStreams>(taken),
                                 is_null_device(STDOUT_FILENO), is_null_device(STDERR_FILENO)});
      },
      ::testing::ExitedWithCode(0), "");
}

TEST(StandardStreams, AreRefusedWhereOneIsClosed) {
  EXPECT_EXIT(
      {
        const PortLike port;
        ::close(STDOUT_FILENO);
        const auto taken = take_standard_streams();
        const auto* error = std::get_if<Error>(&taken);
        exit_with_first_failure({error != nullptr, error != nullptr && error->reason == "ebadf",
                                 error != nullptr && error->path == "standard output"});
      },
      ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace lookout
