// Reads a queue of messages of the kernel: inotify's and fanotify's are read alike.
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

  // Reads what had been queued when this was called, and hands each message over, in order; `take`
  // returns its size. What comes in meanwhile may stay for the next call.
  void read(const std::function<std::size_t(const char* message)>& take);

 private:
  UniqueFd fd_;
  std::size_t largest_;
  std::vector<char> buffer_;
};

}  // namespace lookout
