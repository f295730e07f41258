#include "watch/sources/kernel_queue.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace lookout {
namespace {

constexpr std::size_t kBuffer = 65536;

}  // namespace

KernelQueue::KernelQueue(UniqueFd fd, std::size_t largest)
    : fd_(std::move(fd)), largest_(largest), buffer_(kBuffer) {}

void KernelQueue::read(const std::function<std::size_t(const char*)>& take) {
  long left = -1;  // bytes queued at the start and not read yet; -1: not known yet
  for (;;) {
    const ssize_t got = ::read(fd_.get(), buffer_.data(), buffer_.size());
    if (got <= 0) {
      if (got < 0 && errno == EINTR) continue;
      return;  // EAGAIN: the queue is empty
    }
    const auto end = static_cast<std::size_t>(got);
    for (std::size_t at = 0; at < end;) at += take(buffer_.data() + at);
    // If the buffer has room left for the largest message, the read has emptied the queue.
    if (end + largest_ <= buffer_.size()) return;
    if (left < 0) {
      int queued = 0;
      if (::ioctl(fd_.get(), FIONREAD, &queued) != 0) return;
      left = queued;
    } else {
      left -= got;
    }
    if (left <= 0) return;
  }
}

}  // namespace lookout
