#include "support/unique_fd.h"

#include <cerrno>

namespace lookout {

void UniqueFd::reset(int fd) {
  const int old = std::exchange(fd_, fd);
  if (old < 0) return;
  // close(2) on Linux releases the descriptor even when it reports EINTR, so it is never repeated.
  const int saved = errno;
  ::close(old);
  errno = saved;
}

}  // namespace lookout
