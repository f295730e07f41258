// Reads a message queue of the kernel. Used for inotify and fanotify, which are read the same way.
// InotifySource and FanotifySource own one each and call it.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "support/unique_fd.h"

namespace lookout {

class KernelQueue {
 public:
  // `largest` is the size of the largest message, in bytes.
  KernelQueue(UniqueFd fd, std::size_t largest);

  int fd() const { return fd_.get(); }

  // Reads the messages that were queued when the call began, and calls `take` with each, in order.
  // `take` returns the size of the message. Need not read messages that arrive during the call.
  void read(const std::function<std::size_t(const char* message)>& take);

 private:
  UniqueFd fd_;
  std::size_t largest_;
  std::vector<char> buffer_;
};

}  // namespace lookout
