#include "support/fd_link.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <cstddef>

namespace lookout {

std::string link_target(int directory_fd, const std::string& path) {
  std::array<char, PATH_MAX> target{};
  const ssize_t length = ::readlinkat(directory_fd, path.c_str(), target.data(), target.size());
  return length > 0 ? std::string(target.data(), static_cast<std::size_t>(length)) : std::string();
}

std::string path_of(int fd) {
  return link_target(AT_FDCWD, fd_link(fd));
}

}  // namespace lookout
