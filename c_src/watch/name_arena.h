// Storage for names: one block a name, addressed by 32 bits, reused by size.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace lookout {

class NameArena {
 public:
  using Ref = std::uint32_t;

  // Names of at most kMaxLength bytes.
  static constexpr std::size_t kMaxLength = 8192;

  // Copies `name`; throws std::length_error for one over kMaxLength or when 4 GiB are in use.
  Ref add(std::string_view name);
  std::string_view get(Ref ref) const;
  void remove(Ref ref);

 private:
  static constexpr std::size_t kChunk = 65536;
  static constexpr std::size_t kSmallest = sizeof(Ref);  // a freed block holds the next free one

  char* at(Ref ref) const { return chunks_[ref / kChunk].get() + ref % kChunk; }

  std::vector<std::unique_ptr<char[]>> chunks_;
  std::size_t used_ = kChunk;  // of the last chunk
  // The first free block of each block size; 0 is none, since chunk 0 starts with a byte unused.
  std::array<Ref, kMaxLength + 4> free_{};
};

}  // namespace lookout
