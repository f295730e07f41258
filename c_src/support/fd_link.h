// The link of a descriptor of this process: a path to what it is open for (proc_pid_fd(5)).
#pragma once

#include <string>

namespace lookout {

inline std::string fd_link(int fd) {
  return "/proc/self/fd/" + std::to_string(fd);
}

}  // namespace lookout
