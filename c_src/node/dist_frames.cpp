#include "node/dist_frames.h"

#include <algorithm>

namespace lookout {

std::variant<NeedMore, Frame, LargeFrame> DistFrames::next(std::string_view& chunk) {
  if (missing_ == 0) {
    const auto next = reader_.next(chunk);
    if (const auto* frame = std::get_if<Frame>(&next)) return *frame;
    if (std::holds_alternative<NeedMore>(next)) return NeedMore{};
    size_ = missing_ = reader_.announced();
    reader_ = FrameReader(kMaxDistFrame);
    beginning_.clear();
  }
  const std::string_view part = take_front(chunk, missing_);
  missing_ -= part.size();
  beginning_ += part.substr(0, kKeptOfLargeFrame - std::min(beginning_.size(), kKeptOfLargeFrame));
  if (missing_ > 0) return NeedMore{};
  return LargeFrame{beginning_, size_};
}

}  // namespace lookout
