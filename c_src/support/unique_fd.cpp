#include "support/unique_fd.h"

#include <cerrno>

namespace lookout {

void UniqueFd::reset(int fd) {
  const int old = std::exchange(fd_, fd);
  if (old < 0) return;
  // On Linux close(2) releases the descriptor even if it returns EINTR, so it must not be repeated.
  const int saved = errno;
  ::close(old);
  errno = saved;
}

}  // namespace lookout
