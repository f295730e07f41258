// Storage for names. Each name takes one block, addressed by 32 bits; a freed block is reused for a
// name of the same size. Makes no system call. Tree owns it and calls it.
//
// To free memory, the owner calls retire(), which retires all chunks, and then adds each name of a
// retired chunk again and removes the old copy. A retired chunk takes no new names, and its memory
// is freed when its last name is removed.
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

  // The maximum length of a name in bytes.
  static constexpr std::size_t kMaxLength = 8192;
  static constexpr std::size_t kChunk = 65536;
  static constexpr std::size_t kMaxChunks = std::numeric_limits<Ref>::max() / kChunk;

  explicit NameArena(std::size_t most_chunks = kMaxChunks) : most_chunks_(most_chunks) {}

  // Whether a name of any length can be added, that is, less than 4 GiB are in use.
  bool has_room() const;
  // Copies `name`. Throws std::length_error if it is longer than kMaxLength or there is no room.
  Ref add(std::string_view name);
  std::string_view get(Ref ref) const;
  void remove(Ref ref);

  std::size_t memory() const { return (chunks_.size() - vacant_.size()) * kChunk; }
  // Whether most of the memory holds no name, and there is enough of it to be worth freeing.
  bool is_mostly_free() const;
  void retire();
  bool is_retired(Ref ref) const { return chunks_[ref / kChunk].retired; }

 private:
  // A free block holds the Ref of the next free one.
  static constexpr std::size_t kSmallest = sizeof(Ref);
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
  std::size_t last_ = 0;             // the chunk in which new blocks are allocated
  std::size_t used_ = kChunk;        // bytes used in that chunk
  std::size_t live_ = 0;             // bytes in blocks that hold names
  // The first free block of each block size; 0 means none, since byte 0 of a chunk is unused.
  std::array<Ref, kMaxLength + 4> free_{};
};

}  // namespace lookout
