// An owned file descriptor. Its last owner closes it. The classes that open descriptors own them
// with it.
#pragma once

#include <unistd.h>

#include <utility>

namespace lookout {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

  // Gives up ownership. The caller closes the descriptor.
  int release() { return std::exchange(fd_, -1); }

  // Closes the current descriptor and takes `fd` instead. Preserves errno.
  void reset(int fd = -1);

 private:
  int fd_ = -1;
};

}  // namespace lookout
