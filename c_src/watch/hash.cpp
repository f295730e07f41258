#include "watch/hash.h"

#include <cstring>
#include <random>

namespace lookout {
namespace {

constexpr std::uint64_t kMultiplier = 0x9e3779b97f4a7c15;  // 2^64 / golden ratio

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
  while (!bytes.empty()) {
    std::uint64_t word = 0;
    const std::size_t taken = bytes.size() < 8 ? bytes.size() : 8;
    std::memcpy(&word, bytes.data(), taken);
    state = mix(state ^ word, kMultiplier ^ seed);
    bytes.remove_prefix(taken);
  }
  return mix(state, kMultiplier);
}

}  // namespace lookout
