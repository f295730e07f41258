#include "watch/disk/open_resolved.h"

#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace lookout {

UniqueFd open_resolved(int directory_fd, const std::string& path, int flags,
                       std::uint64_t resolve) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags);
  how.resolve = resolve;
  return UniqueFd(
      static_cast<int>(::syscall(SYS_openat2, directory_fd, path.c_str(), &how, sizeof how)));
}

bool lacks_openat2() {
  return errno == ENOSYS || errno == EPERM;
}

}  // namespace lookout
