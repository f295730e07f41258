// Bytes in the order in which they came.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace lookout {

// Holds no more memory than a few times the most that has waited at once, however many bytes have
// gone through it and even if it never was empty.
class ByteQueue {
 public:
  void append(std::string_view bytes) { bytes_ += bytes; }
  std::string_view waiting() const { return std::string_view(bytes_).substr(taken_); }

  // At most as many as wait.
  void take(std::size_t count) {
    taken_ += count;
    // So no byte costs more than one move, and less than half of the memory is waste.
    if (taken_ < bytes_.size() - taken_) return;
    bytes_.erase(0, taken_);
    taken_ = 0;
  }

  void clear() { take(waiting().size()); }

  std::size_t memory() const { return bytes_.capacity(); }

 private:
  std::string bytes_;  // from taken_ on
  std::size_t taken_ = 0;
};

}  // namespace lookout
