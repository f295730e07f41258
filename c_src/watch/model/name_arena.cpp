#include "watch/model/name_arena.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace lookout {
namespace {

// A block holds the length of the name, in one byte or in a byte 255 and two more, and the name.
constexpr std::size_t kLong = 255;

std::size_t header_size(std::size_t length) {
  return length < kLong ? 1 : 3;
}

}  // namespace

bool NameArena::has_room() const {
  return chunks_.size() - vacant_.size() < most_chunks_ || kChunk - used_ >= kMaxLength + 3;
}

NameArena::Ref NameArena::add(std::string_view name) {
  if (name.size() > kMaxLength) throw std::length_error("a name is longer than 8,192 bytes");
  const std::size_t header = header_size(name.size());
  const std::size_t size = std::max(header + name.size(), kSmallest);

  Ref ref = free_[size];
  if (ref != 0) {
    std::memcpy(&free_[size], at(ref), sizeof(Ref));
  } else {
    if (used_ + size > kChunk) open_chunk();
    ref = static_cast<Ref>(last_ * kChunk + used_);
    used_ += size;
  }
  ++chunks_[ref / kChunk].names;
  live_ += size;

  char* block = at(ref);
  if (header == 1) {
    block[0] = static_cast<char>(name.size());
  } else {
    const auto length = static_cast<std::uint16_t>(name.size());
    block[0] = static_cast<char>(kLong);
    std::memcpy(block + 1, &length, sizeof length);
  }
  if (!name.empty()) std::memcpy(block + header, name.data(), name.size());
  return ref;
}

std::string_view NameArena::get(Ref ref) const {
  const char* block = at(ref);
  const std::size_t first = static_cast<unsigned char>(block[0]);
  if (first < kLong) return {block + 1, first};
  std::uint16_t length = 0;
  std::memcpy(&length, block + 1, sizeof length);
  return {block + 3, length};
}

void NameArena::remove(Ref ref) {
  const std::size_t length = get(ref).size();
  const std::size_t size = std::max(header_size(length) + length, kSmallest);
  live_ -= size;
  Chunk& chunk = chunks_[ref / kChunk];
  --chunk.names;
  if (!chunk.retired) {
    std::memcpy(at(ref), &free_[size], sizeof(Ref));
    free_[size] = ref;
  } else if (chunk.names == 0) {
    free_chunk(ref / kChunk);
  }
}

bool NameArena::is_mostly_free() const {
  constexpr std::size_t kNoticeable = 16 * kChunk;
  return memory() >= kNoticeable && live_ * 4 < memory();
}

void NameArena::retire() {
  free_.fill(0);
  used_ = kChunk;
  for (std::size_t chunk = 0; chunk < chunks_.size(); ++chunk) {
    if (!chunks_[chunk].bytes) continue;
    chunks_[chunk].retired = true;
    if (chunks_[chunk].names == 0) free_chunk(chunk);
  }
}

void NameArena::open_chunk() {
  if (chunks_.size() - vacant_.size() >= most_chunks_) {
    throw std::length_error("the names of the watched entries take more than 4 GiB");
  }
  if (vacant_.empty()) {
    vacant_.push_back(chunks_.size());
    chunks_.emplace_back();
  }
  last_ = vacant_.back();
  vacant_.pop_back();
  chunks_[last_] = {std::make_unique_for_overwrite<char[]>(kChunk), 0, false};
  used_ = 1;
}

void NameArena::free_chunk(std::size_t chunk) {
  chunks_[chunk] = {};
  vacant_.push_back(chunk);
}

}  // namespace lookout
