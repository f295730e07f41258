// {packet, 4}: a length of four bytes, big-endian, and so many bytes of payload.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "support/error.h"

namespace lookout {

inline constexpr std::size_t kFrameHeaderSize = 4;
inline constexpr std::size_t kMaxFrame = 4 * 1024 * 1024;  // bytes of payload that are taken

// The chunk is used up; the frame that it may have begun is not complete.
struct NeedMore {};

// A whole frame. The payload is valid until the reader or the chunk is touched again.
struct Frame {
  std::string_view payload;
};

// Cuts frames out of a stream that arrives in chunks of any size. Memory is taken for bytes that
// came, never for a length that was only announced.
class FrameReader {
 public:
  explicit FrameReader(std::size_t max_payload = kMaxFrame) : max_payload_(max_payload) {}

  // Takes one frame off the front of the chunk, or all of it. `frame_too_large` breaks the
  // stream: where the next frame begins cannot be known.
  std::variant<NeedMore, Frame, Error> next(std::string_view& chunk);

  // What the end of the stream means here: nothing between two frames, `truncated_frame` within.
  std::optional<Error> at_end() const;

 private:
  bool read_header(std::string_view& chunk);
  std::size_t announced() const;
  void forget_frame();

  std::size_t max_payload_;
  std::array<unsigned char, kFrameHeaderSize> header_{};
  std::size_t header_size_ = 0;
  std::string payload_;     // what came so far of a frame that is spread over chunks
  bool delivered_ = false;  // payload_ was handed out and goes at the next call
};

// The four bytes that stand before a payload of `size` bytes.
std::array<char, kFrameHeaderSize> frame_header(std::uint32_t size);

}  // namespace lookout
