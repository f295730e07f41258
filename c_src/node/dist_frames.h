// Splits the bytes of a distribution connection into frames. A frame that is too large is passed
// over: its beginning is returned, and the frames after it are read. Pure.
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

// A frame of more than kMaxDistFrame bytes, whose end has been passed over.
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
  std::string header_;
  std::string payload_;     // what has been received, and is kept, of a frame that spans chunks
  std::size_t passed_ = 0;  // how many bytes of a large frame have been received
  bool delivered_ = false;  // payload_ was returned; the next call clears it
};

}  // namespace lookout
