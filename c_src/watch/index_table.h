// A hash table of 32-bit indexes; the keys stay where the indexes point. Open addressing with
// linear probing and backward-shift deletion, so there are no tombstones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lookout {

// `HashOf` computes the hash of the key that an index points to: std::uint64_t(std::uint32_t).
template <class HashOf>
class IndexTable {
 public:
  static constexpr std::uint32_t kNone = 0;  // index 0 is never stored

  explicit IndexTable(HashOf hash_of) : hash_of_(hash_of), slots_(kFirstCapacity, kNone) {}

  std::size_t size() const { return size_; }

  // The index with this hash for which `equal(index)` holds, or kNone.
  template <class Equal>
  std::uint32_t find(std::uint64_t hash, Equal equal) const {
    for (std::size_t i = hash & mask();; i = (i + 1) & mask()) {
      if (slots_[i] == kNone) return kNone;
      if (equal(slots_[i])) return slots_[i];
    }
  }

  void insert(std::uint32_t index) {
    // Fuller, a search for what is not there would look at many slots, each a miss of the cache.
    if ((size_ + 1) * 4 > slots_.size() * 3) grow();
    place(index);
    ++size_;
  }

  // Erases `index`; its key must still hash as when it was inserted.
  void erase(std::uint32_t index) {
    std::size_t hole = hash_of_(index) & mask();
    while (slots_[hole] != index) {
      if (slots_[hole] == kNone) return;
      hole = (hole + 1) & mask();
    }
    for (std::size_t i = (hole + 1) & mask(); slots_[i] != kNone; i = (i + 1) & mask()) {
      const std::size_t home = hash_of_(slots_[i]) & mask();
      // May the entry at i move into the hole? Only if its home is not between the two.
      if (((i - home) & mask()) >= ((i - hole) & mask())) {
        slots_[hole] = slots_[i];
        hole = i;
      }
    }
    slots_[hole] = kNone;
    --size_;
  }

  void clear() {
    slots_.assign(kFirstCapacity, kNone);
    size_ = 0;
  }

 private:
  static constexpr std::size_t kFirstCapacity = 64;

  std::size_t mask() const { return slots_.size() - 1; }

  void place(std::uint32_t index) {
    std::size_t i = hash_of_(index) & mask();
    while (slots_[i] != kNone) i = (i + 1) & mask();
    slots_[i] = index;
  }

  void grow() {
    std::vector<std::uint32_t> old(slots_.size() * 2, kNone);
    old.swap(slots_);
    for (const std::uint32_t index : old) {
      if (index != kNone) place(index);
    }
  }

  HashOf hash_of_;
  std::vector<std::uint32_t> slots_;
  std::size_t size_ = 0;
};

}  // namespace lookout
