// Storage for names: one block a name, addressed by 32 bits, reused by size.
//
// To give memory back its owner retires all chunks and adds each name of a retired one anew; what
// is retired is never used again, and a retired chunk without names is freed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string_view>
#include <vector>

namespace lookout {

class NameArena {
 public:
  using Ref = std::uint32_t;

  // Names of at most kMaxLength bytes.
  static constexpr std::size_t kMaxLength = 8192;
  static constexpr std::size_t kChunk = 65536;
  static constexpr std::size_t kMostChunks = std::numeric_limits<Ref>::max() / kChunk;

  explicit NameArena(std::size_t most_chunks = kMostChunks) : most_chunks_(most_chunks) {}

  // Whether any name can be added; less than 4 GiB are in use.
  bool has_room() const;
  // Copies `name`; throws std::length_error for one over kMaxLength or where there is no room.
  Ref add(std::string_view name);
  std::string_view get(Ref ref) const;
  void remove(Ref ref);

  std::size_t memory() const { return (chunks_.size() - vacant_.size()) * kChunk; }
  // Whether most of a noticeable amount of memory holds no name.
  bool is_mostly_free() const;
  void retire();
  bool is_retired(Ref ref) const { return chunks_[ref / kChunk].retired; }

 private:
  static constexpr std::size_t kSmallest = sizeof(Ref);  // a freed block holds the next free one
  struct Chunk {
    std::unique_ptr<char[]> bytes;
    std::uint32_t names = 0;
    bool retired = false;
  };

  char* at(Ref ref) const { return chunks_[ref / kChunk].bytes.get() + ref % kChunk; }
  void open_chunk();
  void free_chunk(std::size_t chunk);

  std::size_t most_chunks_;
  std::vector<Chunk> chunks_;
  std::vector<std::size_t> vacant_;  // chunks without memory
  std::size_t last_ = 0;             // the chunk from which new blocks are taken
  std::size_t used_ = kChunk;        // of that chunk
  std::size_t live_ = 0;             // bytes in blocks that hold names
  // The first free block of each block size; 0 is none, since chunks start with a byte unused.
  std::array<Ref, kMaxLength + 4> free_{};
};

}  // namespace lookout
