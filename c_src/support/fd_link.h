// Returns the /proc link of a descriptor of this process: a path to the file it refers to
// (proc_pid_fd(5)).
#pragma once

#include <string>

namespace lookout {

inline std::string fd_link(int fd) {
  return "/proc/self/fd/" + std::to_string(fd);
}

}  // namespace lookout
