// Values that never move; each is found by the index of its slot. Makes no system call. Tree owns
// two pools and calls them.
//
// A new value takes the lowest free slot. A chunk whose last value is removed frees its memory, so
// the memory shrinks with the number of values. Only the first such chunk is kept: reads of slots
// in freed chunks go to it.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace lookout {

template <class T, std::size_t kChunkBits = 12>
class SlotPool {
 public:
  std::size_t used() const { return used_; }
  // Without the empty chunk that is kept.
  std::size_t memory() const { return live_chunks_ * sizeof(Chunk); }

  // Any index that add() has returned may be read: a free slot holds T{}.
  T& operator[](std::size_t slot) { return chunks_[slot >> kChunkBits]->values[slot & kMask]; }
  const T& operator[](std::size_t slot) const {
    return chunks_[slot >> kChunkBits]->values[slot & kMask];
  }

  // Puts `value` into the lowest free slot and returns its index.
  std::size_t add(const T& value) {
    while (first_open_ < chunks_.size() && counts_[first_open_] == kSlots) ++first_open_;
    Chunk& chunk = open_chunk();
    while (chunk.used[chunk.first_open] == kFull) ++chunk.first_open;
    const auto bit = static_cast<unsigned>(std::countr_one(chunk.used[chunk.first_open]));
    const std::size_t slot = chunk.first_open * kBits + bit;
    chunk.values[slot] = value;
    chunk.used[chunk.first_open] |= std::uint64_t{1} << bit;
    ++counts_[first_open_];
    ++used_;
    return (first_open_ << kChunkBits) | slot;
  }

  void remove(std::size_t slot) {
    const std::size_t at = slot >> kChunkBits;
    const std::size_t word = (slot & kMask) / kBits;
    Chunk& chunk = *chunks_[at];
    chunk.values[slot & kMask] = T{};
    chunk.used[word] &= ~(std::uint64_t{1} << (slot % kBits));
    chunk.first_open = std::min(chunk.first_open, word);
    first_open_ = std::min(first_open_, at);
    --used_;
    if (--counts_[at] == 0) release(at);
  }

  // The first used slot at or after `slot`; end() if there is none.
  std::size_t next_used(std::size_t slot) const {
    while (slot < end()) {
      const std::size_t at = slot >> kChunkBits;
      if (counts_[at] == 0) {
        slot = (at + 1) << kChunkBits;
        continue;
      }
      const std::uint64_t left = chunks_[at]->used[(slot & kMask) / kBits] >> (slot % kBits);
      if (left != 0) return slot + static_cast<unsigned>(std::countr_zero(left));
      slot = (slot / kBits + 1) * kBits;
    }
    return end();
  }
  std::size_t end() const { return chunks_.size() << kChunkBits; }

 private:
  static constexpr std::size_t kSlots = std::size_t{1} << kChunkBits;
  static constexpr std::size_t kMask = kSlots - 1;
  static constexpr std::size_t kBits = std::min<std::size_t>(64, kSlots);
  static constexpr std::uint64_t kFull =
      kBits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << kBits) - 1;
  struct Chunk {
    std::array<T, kSlots> values{};
    std::array<std::uint64_t, kSlots / kBits> used{};  // a bit for each slot
    // All words of `used` before this one are full.
    std::size_t first_open = 0;
  };

  // Returns the chunk first_open_, with memory of its own.
  Chunk& open_chunk() {
    if (first_open_ == chunks_.size()) {
      owned_.emplace_back();
      chunks_.push_back(nullptr);
      counts_.push_back(0);
    }
    if (counts_[first_open_] == 0) {
      owned_[first_open_] = std::make_unique<Chunk>();
      chunks_[first_open_] = owned_[first_open_].get();
      ++live_chunks_;
    }
    return *chunks_[first_open_];
  }

  // The first chunk that is released is kept: reads of all released chunks go to it.
  void release(std::size_t at) {
    --live_chunks_;
    if (!empty_) empty_ = std::move(owned_[at]);
    owned_[at].reset();
    chunks_[at] = empty_.get();
  }

  std::vector<Chunk*> chunks_;
  std::vector<std::unique_ptr<Chunk>> owned_;
  std::vector<std::uint32_t> counts_;  // of used slots, by chunk
  std::unique_ptr<Chunk> empty_;
  std::size_t first_open_ = 0;  // all chunks before this one are full
  std::size_t live_chunks_ = 0;
  std::size_t used_ = 0;
};

}  // namespace lookout
