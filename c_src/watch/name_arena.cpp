#include "watch/name_arena.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <stdexcept>

namespace lookout {
namespace {

// A block is a length of one byte, or 255 and two bytes, and the name.
constexpr std::size_t kLong = 255;

std::size_t header_size(std::size_t length) {
  return length < kLong ? 1 : 3;
}

}  // namespace

NameArena::Ref NameArena::add(std::string_view name) {
  if (name.size() > kMaxLength) throw std::length_error("a name is longer than 8,192 bytes");
  const std::size_t header = header_size(name.size());
  const std::size_t size = std::max(header + name.size(), kSmallest);

  Ref ref = free_[size];
  if (ref != 0) {
    std::memcpy(&free_[size], at(ref), sizeof(Ref));
  } else {
    if (used_ + size > kChunk) {
      if (chunks_.size() >= std::numeric_limits<Ref>::max() / kChunk) {
        throw std::length_error("the names of the watched entries take more than 4 GiB");
      }
      chunks_.push_back(std::make_unique_for_overwrite<char[]>(kChunk));
      used_ = 1;
    }
    ref = static_cast<Ref>((chunks_.size() - 1) * kChunk + used_);
    used_ += size;
  }

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
  std::memcpy(at(ref), &free_[size], sizeof(Ref));
  free_[size] = ref;
}

}  // namespace lookout
