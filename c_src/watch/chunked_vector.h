// A growing array whose elements never move: no doubling, so no peak of memory when it grows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace lookout {

template <class T, std::size_t kChunkBits = 12>
class ChunkedVector {
 public:
  std::size_t size() const { return size_; }
  T& operator[](std::size_t i) { return chunks_[i >> kChunkBits][i & kMask]; }
  const T& operator[](std::size_t i) const { return chunks_[i >> kChunkBits][i & kMask]; }

  // Appends `value` and returns its index.
  std::size_t push_back(const T& value) {
    if ((size_ & kMask) == 0) chunks_.push_back(std::make_unique<T[]>(kMask + 1));
    (*this)[size_] = value;
    return size_++;
  }

 private:
  static constexpr std::size_t kMask = (std::size_t{1} << kChunkBits) - 1;
  std::vector<std::unique_ptr<T[]>> chunks_;
  std::size_t size_ = 0;
};

}  // namespace lookout
