// Values that never move; each is found by the index of its slot. A new value takes the lowest free
// slot, and a chunk without used slots frees its memory, so that the memory follows the number of
// values down as well as up.
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
  std::size_t memory() const { return live_chunks_ * sizeof(Chunk); }

  // Any index that add() has returned may be read: a free slot holds T{}.
  T& operator[](std::size_t slot) { return chunks_[slot >> kChunkBits]->values[slot & kMask]; }
  const T& operator[](std::size_t slot) const {
    return chunks_[slot >> kChunkBits]->values[slot & kMask];
  }

  // Puts `value` into the lowest free slot and returns its index.
  std::size_t add(const T& value) {
    while (roomy_ < chunks_.size() && counts_[roomy_] == kSlots) ++roomy_;
    Chunk& chunk = open_chunk();
    while (chunk.used[chunk.roomy] == kFull) ++chunk.roomy;
    const auto bit = static_cast<unsigned>(std::countr_one(chunk.used[chunk.roomy]));
    const std::size_t slot = chunk.roomy * kBits + bit;
    chunk.values[slot] = value;
    chunk.used[chunk.roomy] |= std::uint64_t{1} << bit;
    ++counts_[roomy_];
    ++used_;
    return (roomy_ << kChunkBits) | slot;
  }

  void remove(std::size_t slot) {
    const std::size_t at = slot >> kChunkBits;
    const std::size_t word = (slot & kMask) / kBits;
    Chunk& chunk = *chunks_[at];
    chunk.values[slot & kMask] = T{};
    chunk.used[word] &= ~(std::uint64_t{1} << (slot % kBits));
    chunk.roomy = std::min(chunk.roomy, word);
    roomy_ = std::min(roomy_, at);
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
    std::size_t roomy = 0;
  };

  // Returns the chunk roomy_, with memory of its own.
  Chunk& open_chunk() {
    if (roomy_ == chunks_.size()) {
      owned_.emplace_back();
      chunks_.push_back(nullptr);
      counts_.push_back(0);
    }
    if (counts_[roomy_] == 0) {
      owned_[roomy_] = std::make_unique<Chunk>();
      chunks_[roomy_] = owned_[roomy_].get();
      ++live_chunks_;
    }
    return *chunks_[roomy_];
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
  std::size_t roomy_ = 0;  // the chunks before it are full
  std::size_t live_chunks_ = 0;
  std::size_t used_ = 0;
};

}  // namespace lookout
