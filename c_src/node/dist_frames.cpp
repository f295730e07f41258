#include "node/dist_frames.h"

#include <algorithm>

#include "bridge/byte_cursor.h"

namespace lookout {
namespace {

// A buffer with a larger capacity is freed after the frame is processed.
constexpr std::size_t kKeptCapacity = std::size_t{64} * 1024;

std::string_view take(std::string_view& chunk, std::size_t size) {
  const std::string_view taken = chunk.substr(0, size);
  chunk.remove_prefix(taken.size());
  return taken;
}

}  // namespace

std::variant<NeedMore, Frame, LargeFrame> DistFrames::next(std::string_view& chunk) {
  if (delivered_) {
    delivered_ = false;
    header_.clear();
    passed_ = 0;
    payload_.clear();
    if (payload_.capacity() > kKeptCapacity) payload_.shrink_to_fit();
  }
  header_ += take(chunk, kFrameHeaderSize - header_.size());
  if (header_.size() < kFrameHeaderSize) return NeedMore{};
  const std::size_t size = *ByteCursor(header_).number(kFrameHeaderSize);
  if (size > kMaxDistFrame) {
    const std::string_view part = take(chunk, size - passed_);
    passed_ += part.size();
    payload_ += part.substr(0, kKeptOfLargeFrame - std::min(payload_.size(), kKeptOfLargeFrame));
    if (passed_ < size) return NeedMore{};
    delivered_ = true;
    return LargeFrame{payload_, size};
  }
  if (payload_.empty() && chunk.size() >= size) {
    header_.clear();
    return Frame{take(chunk, size)};
  }
  payload_ += take(chunk, size - payload_.size());
  if (payload_.size() < size) return NeedMore{};
  delivered_ = true;
  return Frame{payload_};
}

}  // namespace lookout
