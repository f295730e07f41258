// A FIFO queue of bytes. InputStream owns it and calls it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace lookout {

// The memory stays below a small multiple of the largest number of bytes that ever waited at once,
// regardless of how many bytes have passed through and even if the queue never became empty.
class ByteQueue {
 public:
  void append(std::string_view bytes) { bytes_ += bytes; }
  std::string_view waiting() const { return std::string_view(bytes_).substr(taken_); }

  // `count` is at most waiting().size().
  void take(std::size_t count) {
    taken_ += count;
    // Erase only when at least half of the buffer is consumed: each byte is then moved at most
    // once, and less than half of the memory is unused.
    if (taken_ < bytes_.size() - taken_) return;
    bytes_.erase(0, taken_);
    taken_ = 0;
  }

  void clear() { take(waiting().size()); }

  std::size_t memory() const { return bytes_.capacity(); }

 private:
  std::string bytes_;  // the bytes from taken_ on are waiting
  std::size_t taken_ = 0;
};

}  // namespace lookout
