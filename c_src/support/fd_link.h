// Where symbolic links lead, and the /proc links of the descriptors of this process: each is a path
// to the open file (proc_pid_fd(5)). The functions of disk/, roots/ and sources/ call it.
#pragma once

#include <string>

namespace lookout {

inline std::string fd_link(int fd) {
  return "/proc/self/fd/" + std::to_string(fd);
}

// Returns the target of a symbolic link, by a path relative to the directory, as for readlinkat(2);
// an empty path names the open link `directory_fd` itself. Empty, with errno, if it cannot be read.
std::string link_target(int directory_fd, const std::string& path);

// Returns the path of an open file, without a call on its file system. Empty, with errno, if it
// cannot be read: ENAMETOOLONG if the path is longer than 4,095 bytes.
std::string path_of(int fd);

}  // namespace lookout
