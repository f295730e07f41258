#include "watch/writers.h"

#include <fcntl.h>

#include <cerrno>

#include "support/unique_fd.h"

namespace lookout {

Writers writers_of(int directory_fd, const std::string& name) {
  const UniqueFd file(::openat(directory_fd, name.c_str(),
                               O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!file) return Writers::unknown;
  if (::fcntl(file.get(), F_SETLEASE, F_RDLCK) == 0) {
    ::fcntl(file.get(), F_SETLEASE, F_UNLCK);
    return Writers::none;
  }
  return errno == EAGAIN ? Writers::some : Writers::unknown;
}

}  // namespace lookout
