#include "bridge/frame.h"

#include <algorithm>
#include <cstdint>

namespace lookout {
namespace {

// A buffer with a larger capacity is freed after the frame is processed.
constexpr std::size_t kKeptPayload = std::size_t{64} * 1024;

}  // namespace

std::string_view take_front(std::string_view& chunk, std::size_t size) {
  const std::string_view taken = chunk.substr(0, size);
  chunk.remove_prefix(taken.size());
  return taken;
}

std::variant<NeedMore, Frame, Error> FrameReader::next(std::string_view& chunk) {
  if (delivered_) forget_frame();
  if (!read_header(chunk)) return NeedMore{};
  const std::size_t size = announced();
  if (size > max_payload_) {
    return Error{"frame_too_large", "read", "",
                 "a frame of " + std::to_string(size) + " bytes was announced; at most " +
                     std::to_string(max_payload_) + " are taken"};
  }
  if (payload_.empty() && chunk.size() >= size) {
    header_size_ = 0;
    return Frame{take_front(chunk, size)};
  }
  payload_ += take_front(chunk, size - payload_.size());
  if (payload_.size() < size) return NeedMore{};
  delivered_ = true;
  return Frame{payload_};
}

std::optional<Error> FrameReader::at_end() const {
  if (delivered_ || header_size_ == 0) return std::nullopt;
  if (header_size_ < header_.size()) {
    return Error{"truncated_frame", "read", "",
                 "the stream ended after " + std::to_string(header_size_) +
                     " of the 4 bytes of a frame's length"};
  }
  return Error{"truncated_frame", "read", "",
               "the stream ended after " + std::to_string(payload_.size()) + " of the " +
                   std::to_string(announced()) + " bytes of a frame"};
}

bool FrameReader::read_header(std::string_view& chunk) {
  const std::string_view part = take_front(chunk, header_.size() - header_size_);
  std::copy(part.begin(), part.end(), header_.begin() + header_size_);
  header_size_ += part.size();
  return header_size_ == header_.size();
}

std::size_t FrameReader::announced() const {
  std::size_t size = 0;
  for (const unsigned char byte : header_) size = (size << 8U) | byte;
  return size;
}

void FrameReader::forget_frame() {
  delivered_ = false;
  header_size_ = 0;
  payload_.clear();
  if (payload_.capacity() > kKeptPayload) payload_.shrink_to_fit();
}

std::array<char, kFrameHeaderSize> frame_header(std::uint32_t size) {
  return {static_cast<char>(size >> 24U), static_cast<char>(size >> 16U),
          static_cast<char>(size >> 8U), static_cast<char>(size)};
}

}  // namespace lookout
