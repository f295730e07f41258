#include "watch/hash.h"

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

// At most eight bytes as a number. Of four to seven the middle ones are taken twice: two loads of a
// fixed size are quicker than a loop. Their number is hashed as well, so that nothing is lost.
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
