#include "bridge/standard_streams.h"

#include <fcntl.h>

#include <cerrno>
#include <utility>

namespace lookout {
namespace {

constexpr int kFirstFree = 3;

UniqueFd move_up(int fd) {
  return UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, kFirstFree));
}

}  // namespace

Result<StandardStreams> take_standard_streams() {
  StandardStreams streams{move_up(STDIN_FILENO), move_up(STDOUT_FILENO)};
  if (!streams.input) return errno_error(errno, "dup", "standard input");
  if (!streams.output) return errno_error(errno, "dup", "standard output");
  const UniqueFd low(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!low) return errno_error(errno, "open", "/dev/null");
  const UniqueFd null(move_up(low.get()));
  if (!null) return errno_error(errno, "dup", "/dev/null");
  if (::fcntl(STDERR_FILENO, F_GETFD) < 0 && ::dup2(null.get(), STDERR_FILENO) < 0) {
    return errno_error(errno, "dup", "standard error");
  }
  if (::dup2(null.get(), STDIN_FILENO) < 0) return errno_error(errno, "dup", "standard input");
  if (::dup2(STDERR_FILENO, STDOUT_FILENO) < 0) return errno_error(errno, "dup", "standard output");
  return streams;
}

}  // namespace lookout
