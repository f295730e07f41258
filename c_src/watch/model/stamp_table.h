// The stamps of nodes: what a file checked like when it was last reported, as hashes that another
// run of the program can compare. Makes no system call. Tree owns it and calls it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace lookout {

// 14 bytes. The hash of the birth time has bits of its own, so that a file that reuses the inode
// number of another one has another stamp.
struct Stamp {
  std::uint16_t size = 0;
  std::uint16_t birth = 0;                  // 0: the file system keeps none
  std::uint16_t mode_and_links = 0;         // permission bits, and min(links, 15)
  std::array<std::uint16_t, 2> mtime = {};  // its lower half first
  std::array<std::uint16_t, 2> ctime = {};

  bool operator==(const Stamp&) const = default;
};
static_assert(sizeof(Stamp) == 14);

// The stamps of nodes, by index; takes memory only where there are some.
class StampTable {
 public:
  // nullptr: unknown.
  const Stamp* find(std::uint32_t node) const;
  void set(std::uint32_t node, const Stamp& stamp);
  void erase(std::uint32_t node);
  std::size_t memory() const { return used_chunks_ * sizeof(Chunk); }

 private:
  static constexpr std::size_t kChunkBits = 10;
  static constexpr std::size_t kChunk = std::size_t{1} << kChunkBits;
  struct Chunk {
    std::array<Stamp, kChunk> stamps{};
    std::uint32_t known = 0;  // how many
  };

  std::vector<std::unique_ptr<Chunk>> chunks_;
  std::size_t used_chunks_ = 0;
};

}  // namespace lookout
