// A hash table of 32-bit indexes. It does not store keys: they are found through the indexes. Open
// addressing with linear probing and backward-shift deletion, so there are no tombstones. Makes no
// system call. Tree and DirtySet own their tables and call them.
//
// The upper bits of a slot that no index needs yet hold a tag, which is a part of the hash. A
// search skips a slot with another tag without reading its key, since each such read would be a
// cache miss.
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
  std::size_t memory() const { return slots_.size() * sizeof(std::uint32_t); }

  // Returns the index with this hash for which `equal(index)` holds, or kNone.
  template <class Equal>
  std::uint32_t find(std::uint64_t hash, Equal equal) const {
    const std::uint32_t tag = tag_of(hash);
    for (std::size_t i = hash & mask(); slots_[i] != kNone; i = (i + 1) & mask()) {
      const std::uint32_t index = index_in(slots_[i]);
      if ((slots_[i] ^ index) == tag && equal(index)) return index;
    }
    return kNone;
  }

  // Inserts `index`, whose key has this hash, and returns kNone. If the table has an index already
  // for which `equal(index)` holds, returns that one instead.
  template <class Equal>
  std::uint32_t find_or_insert(std::uint64_t hash, Equal equal, std::uint32_t index) {
    // At most three quarters full: beyond that, an unsuccessful search would visit many slots.
    if ((size_ + 1) * 4 > slots_.size() * 3) grow();
    while (index > largest_) widen();
    const std::uint32_t tag = tag_of(hash);
    std::size_t i = hash & mask();
    for (; slots_[i] != kNone; i = (i + 1) & mask()) {
      const std::uint32_t known = index_in(slots_[i]);
      if ((slots_[i] ^ known) == tag && equal(known)) return known;
    }
    slots_[i] = index | tag;
    ++size_;
    return kNone;
  }

  // Inserts `index`, which must not be in the table.
  void insert(std::uint32_t index) {
    find_or_insert(
        hash_of_(index), [](std::uint32_t) { return false; }, index);
  }

  // Erases `index`. Its key must have the same hash as when it was inserted.
  void erase(std::uint32_t index) {
    std::size_t hole = hash_of_(index) & mask();
    while (index_in(slots_[hole]) != index) {
      if (slots_[hole] == kNone) return;
      hole = (hole + 1) & mask();
    }
    for (std::size_t i = (hole + 1) & mask(); slots_[i] != kNone; i = (i + 1) & mask()) {
      const std::size_t home = hash_of_(index_in(slots_[i])) & mask();
      // The entry at i may move into the hole unless its home slot lies behind the hole, up to i.
      if (((i - home) & mask()) >= ((i - hole) & mask())) {
        slots_[hole] = slots_[i];
        hole = i;
      }
    }
    slots_[hole] = kNone;
    --size_;
  }

  // Removes all indexes. Keeps the memory, but halves it if less than an eighth of it was used.
  void clear() {
    const bool mostly_empty = slots_.size() > kFirstCapacity && size_ * 8 < slots_.size();
    slots_.assign(mostly_empty ? slots_.size() / 2 : slots_.size(), kNone);
    largest_ = kFirstLargest;
    size_ = 0;
  }

  // Frees memory of a large table that has become nearly empty. Does nothing with more than
  // kMaxRehashed indexes: rehashing them would take too long for one step.
  void shrink() {
    if (slots_.size() < kLarge || size_ * 16 >= slots_.size() || size_ > kMaxRehashed) return;
    std::size_t capacity = kFirstCapacity;
    while (capacity < size_ * 4) capacity *= 2;
    rehash(capacity);
  }

 private:
  static constexpr std::size_t kLarge = 65536;
  static constexpr std::size_t kMaxRehashed = 32768;
  static constexpr std::size_t kFirstCapacity = 64;
  static constexpr std::uint32_t kFirstLargest = kFirstCapacity - 1;

  std::size_t mask() const { return slots_.size() - 1; }
  std::uint32_t index_in(std::uint32_t slot) const { return slot & largest_; }
  // The tag at its position in a slot; the bits of the index are zero.
  std::uint32_t tag_of(std::uint64_t hash) const {
    return static_cast<std::uint32_t>(hash >> 32) & ~largest_;
  }

  void grow() { rehash(slots_.size() * 2); }

  void rehash(std::size_t capacity) {
    std::vector<std::uint32_t> old(capacity, kNone);
    old.swap(slots_);
    size_ = 0;
    for (const std::uint32_t slot : old) {
      if (slot != kNone) insert(index_in(slot));
    }
  }

  // Gives indexes one bit more and tags one bit less.
  void widen() {
    const std::uint32_t bit = largest_ + 1;
    largest_ |= bit;
    for (std::uint32_t& slot : slots_) slot &= ~bit;
  }

  HashOf hash_of_;
  std::vector<std::uint32_t> slots_;
  std::uint32_t largest_ = kFirstLargest;  // the largest index that fits; its bits are all set
  std::size_t size_ = 0;
};

}  // namespace lookout
