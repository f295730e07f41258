// Splits the bytes of a distribution connection into frames. Of a frame that is too large only the
// beginning is returned, and the frames after it are read. Connection owns it and calls it. Makes
// no system call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "bridge/frame.h"

namespace lookout {

// The largest frame that is taken whole: the largest request with what the distribution adds.
inline constexpr std::size_t kMaxDistFrame = kMaxFrame + std::size_t{8} * 1024;  // bytes
// How much is kept of a larger one.
inline constexpr std::size_t kKeptOfLargeFrame = std::size_t{8} * 1024;  // bytes

// A frame of more than kMaxDistFrame bytes. All of it was received; only the beginning is kept.
struct LargeFrame {
  std::string_view beginning;
  std::size_t size;
};

class DistFrames {
 public:
  // Removes one frame from the front of the chunk, or consumes the whole chunk. The result is valid
  // until the next call. Memory is allocated for received bytes only.
  std::variant<NeedMore, Frame, LargeFrame> next(std::string_view& chunk);

 private:
  FrameReader reader_{kMaxDistFrame};
  // A large frame: its size, how many bytes are still to be received, and its first bytes.
  std::size_t size_ = 0;
  std::size_t missing_ = 0;
  std::string beginning_;
};

}  // namespace lookout
