// Reads big-endian numbers from a byte string, with bounds checks. Makes no system call. The
// classes of bridge/ and node/ that read bytes own one each and call it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace lookout {

class ByteCursor {
 public:
  explicit ByteCursor(std::string_view bytes) : bytes_(bytes) {}

  std::size_t position() const { return position_; }
  std::size_t left() const { return bytes_.size() - position_; }

  std::optional<std::string_view> take(std::size_t size) {
    if (size > left()) return std::nullopt;
    const std::string_view taken = bytes_.substr(position_, size);
    position_ += size;
    return taken;
  }

  // Returns an unsigned number of `width` bytes, at most four.
  std::optional<std::uint32_t> number(std::size_t width) {
    const auto taken = take(width);
    if (!taken) return std::nullopt;
    std::uint32_t value = 0;
    for (const char c : *taken) value = (value << 8U) | static_cast<unsigned char>(c);
    return value;
  }

 private:
  std::string_view bytes_;
  std::size_t position_ = 0;
};

}  // namespace lookout
