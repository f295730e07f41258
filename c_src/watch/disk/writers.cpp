#include "watch/disk/writers.h"

#include <fcntl.h>

#include <cerrno>

#include "support/unique_fd.h"
#include "watch/disk/safe_file.h"

namespace lookout {

Writers writers_of(int directory_fd, const std::string& name) {
  const UniqueFd file = open_to_read(open_path(directory_fd, name, Links::none));
  if (!file) return Writers::unknown;
  if (::fcntl(file.get(), F_SETLEASE, F_RDLCK) == 0) {
    ::fcntl(file.get(), F_SETLEASE, F_UNLCK);
    return Writers::none;
  }
  return errno == EAGAIN ? Writers::some : Writers::unknown;
}

}  // namespace lookout
