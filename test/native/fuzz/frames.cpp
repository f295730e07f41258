// P7: however a stream is cut into chunks, the same frames come out of it, and the same error ends
// it. The first byte says how the stream is cut.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "bridge/frame.h"
#include "expect.h"

namespace {

using namespace lookout;

constexpr std::size_t kMaxPayload = 1000;

struct Read {
  std::vector<std::string> frames;
  std::string end;  // the reason of the error that ended it
  bool operator==(const Read&) const = default;
};

Read read(std::string_view stream, std::size_t chunk_size) {
  FrameReader reader(kMaxPayload);
  Read result;
  while (!stream.empty()) {
    // Memory of its own and exact size, so that a read past the chunk is seen.
    const std::vector<char> bytes(
        stream.begin(),
        stream.begin() + static_cast<std::ptrdiff_t>(std::min(chunk_size, stream.size())));
    stream.remove_prefix(bytes.size());
    std::string_view chunk(bytes.data(), bytes.size());
    for (bool more = true; more;) {
      const auto next = reader.next(chunk);
      more = std::holds_alternative<Frame>(next);
      if (more) {
        const Frame& frame = std::get<Frame>(next);
        fuzz::expect(frame.payload.size() <= kMaxPayload, "no frame is larger than allowed");
        result.frames.emplace_back(frame.payload);
      } else if (const auto* error = std::get_if<Error>(&next)) {
        result.end = error->reason;
        return result;
      }
    }
    fuzz::expect(chunk.empty(), "a chunk is used up when more is needed");
  }
  if (const auto error = reader.at_end()) result.end = error->reason;
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view stream(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Read whole = read(stream, stream.size() + 1);
  fuzz::expect(read(stream, 1) == whole, "bytes one by one give the same frames");
  fuzz::expect(read(stream, data[0] + std::size_t{2}) == whole, "chunks give the same frames");
  return 0;
}
