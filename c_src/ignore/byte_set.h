// Sets of bytes, and classes of bytes that some sets do not distinguish. Pure. Glob::Compiler owns
// the sets and calls them.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <string_view>

namespace lookout {

// A set of bytes: 256 bits, in which setting a range takes at most four operations.
class ByteSet {
 public:
  void set(unsigned first, unsigned last) {
    for (unsigned word = first / kWord; word <= last / kWord && first <= last; ++word) {
      const unsigned begin = std::max<unsigned>(first, word * kWord) % kWord;
      const unsigned end = std::min<unsigned>(last, word * kWord + kWord - 1) % kWord;
      words_[word] |= ~std::uint64_t{0} << begin & ~std::uint64_t{0} >> (kWord - 1 - end);
    }
  }
  void reset(unsigned byte) { words_[byte / kWord] &= ~(std::uint64_t{1} << (byte % kWord)); }
  void flip() {
    for (std::uint64_t& word : words_) word = ~word;
  }
  unsigned count() const {
    unsigned bytes = 0;
    for (const std::uint64_t word : words_) bytes += static_cast<unsigned>(std::popcount(word));
    return bytes;
  }
  unsigned lowest() const {
    unsigned byte = 0;
    while (!test(byte)) ++byte;
    return byte;
  }
  const std::array<std::uint64_t, 4>& words() const { return words_; }
  bool operator==(const ByteSet&) const = default;
  bool test(unsigned byte) const { return ((words_[byte / kWord] >> (byte % kWord)) & 1) != 0; }

 private:
  static constexpr unsigned kWord = 64;  // bits

  std::array<std::uint64_t, 4> words_{};
};

// Adds the bytes of a character class like `alpha`, as git defines it. Returns false if the class
// does not exist.
bool add_class(std::string_view name, ByteSet& bytes);

// Partitions bytes into classes that the pattern does not distinguish. Class 0 contains all bytes
// that it does not name.
class ByteClasses {
 public:
  ByteClasses() { size_[0] = kBytes; }

  // Separates the classes of the bytes in `bytes` from the classes of all others.
  void split(const ByteSet& bytes) {
    std::array<std::uint16_t, kBytes> within{};
    for (unsigned byte = 0; byte < kBytes; ++byte) {
      if (bytes.test(byte)) ++within[of_[byte]];
    }
    std::array<std::uint8_t, kBytes> becomes{};  // 0: the class stays
    const unsigned known = count_;
    for (unsigned of = 0; of < known; ++of) {
      if (within[of] == 0 || within[of] == size_[of]) continue;
      becomes[of] = static_cast<std::uint8_t>(count_);
      size_[count_++] = within[of];
      size_[of] = static_cast<std::uint16_t>(size_[of] - within[of]);
    }
    for (unsigned byte = 0; byte < kBytes; ++byte) {
      if (bytes.test(byte) && becomes[of_[byte]] != 0) of_[byte] = becomes[of_[byte]];
    }
  }

  unsigned count() const { return count_; }
  unsigned of(unsigned byte) const { return of_[byte]; }

 private:
  static constexpr unsigned kBytes = 256;
  std::array<std::uint8_t, kBytes> of_{};
  std::array<std::uint16_t, kBytes> size_{};
  unsigned count_ = 1;
};

}  // namespace lookout
