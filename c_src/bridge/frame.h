// {packet, 4} framing: a length of four bytes, big-endian, and that many bytes of payload. Makes no
// system call. PortTransport, ChildProgram and DistFrames own one reader each and call it.
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
inline constexpr std::size_t kMaxFrame = 4 * 1024 * 1024;  // bytes of payload that are accepted

// The chunk is consumed, and no frame is complete.
struct NeedMore {};

// A complete frame. The payload is valid until the next use of the reader or the chunk.
struct Frame {
  std::string_view payload;
};

// Removes the first `size` bytes of the chunk, or all if it has fewer, and returns them.
std::string_view take_front(std::string_view& chunk, std::size_t size);

// Splits a stream that arrives in chunks of any size into frames. It allocates memory for received
// bytes only, not for an announced length.
class FrameReader {
 public:
  explicit FrameReader(std::size_t max_payload = kMaxFrame) : max_payload_(max_payload) {}

  // Removes one frame from the front of the chunk, or consumes the whole chunk. After
  // `frame_too_large`, which consumes the length of the frame only, the reader is unusable.
  std::variant<NeedMore, Frame, Error> next(std::string_view& chunk);
  // The length of the current frame, as it was announced. Valid after `frame_too_large`.
  std::size_t announced() const;

  // Returns what end of file means now: nothing between two frames, `truncated_frame` within one.
  std::optional<Error> at_end() const;

 private:
  bool read_header(std::string_view& chunk);
  void forget_frame();

  std::size_t max_payload_;
  std::array<unsigned char, kFrameHeaderSize> header_{};
  std::size_t header_size_ = 0;
  std::string payload_;     // bytes received so far of a frame that spans chunks
  bool delivered_ = false;  // payload_ was returned; the next call clears it
};

// Returns the four bytes in front of a payload of `size` bytes.
std::array<char, kFrameHeaderSize> frame_header(std::uint32_t size);

}  // namespace lookout
