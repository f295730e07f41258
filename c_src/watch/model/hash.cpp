#include "watch/model/hash.h"

#include <cstring>
#include <random>

namespace lookout {
namespace {

constexpr std::uint64_t kMultiplier = 0x9e3779b97f4a7c15;  // 2^64 / golden ratio

constexpr std::size_t kWord = 8;

template <class Word>
std::uint64_t load(const char* bytes) {
  Word word = 0;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

// Returns up to eight bytes as a number. With fewer than eight bytes the loads overlap and take
// some bytes twice: loads of a fixed size are faster than a loop. hash_bytes() hashes the length as
// well, so that strings of different lengths stay distinct.
std::uint64_t last_word(std::string_view bytes) {
  const std::size_t size = bytes.size();
  const char* const data = bytes.data();
  if (size == kWord) return load<std::uint64_t>(data);
  if (size >= 4) return load<std::uint32_t>(data) << 32 | load<std::uint32_t>(data + size - 4);
  if (size == 0) return 0;
  return load<std::uint8_t>(data) << 16 | load<std::uint8_t>(data + size / 2) << 8 |
         load<std::uint8_t>(data + size - 1);
}

std::uint64_t draw_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32 | device()) | 1;
}

}  // namespace

std::uint64_t hash_seed() {
  static const std::uint64_t seed = draw_seed();
  return seed;
}

std::uint64_t hash_bytes(std::uint64_t start, std::string_view bytes) {
  const std::uint64_t seed = hash_seed();
  std::uint64_t state = mix(start ^ seed, kMultiplier ^ bytes.size());
  for (; bytes.size() > kWord; bytes.remove_prefix(kWord)) {
    state = mix(state ^ load<std::uint64_t>(bytes.data()), kMultiplier ^ seed);
  }
  return mix(state ^ last_word(bytes), kMultiplier ^ seed);
}

}  // namespace lookout
