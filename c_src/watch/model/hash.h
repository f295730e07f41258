// Hashing with a random seed for each process, so that nobody can choose file names that collide.
// The classes of watch/ call it.
#pragma once

#include <cstdint>
#include <string_view>

namespace lookout {

// Mixes two words into one. Each bit of the result depends on all bits of both.
inline std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  std::uint64_t x = a ^ (b * 0x9e3779b97f4a7c15);  // 2^64 / golden ratio
  x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93;
  x = (x ^ (x >> 29)) * 0xff51afd7ed558ccd;
  return x ^ (x >> 32);
}

// A random number drawn once for this process.
std::uint64_t hash_seed();

std::uint64_t hash_bytes(std::uint64_t start, std::string_view bytes);

}  // namespace lookout
