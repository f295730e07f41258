// A pattern of gitignore(5), compiled. It matches what git's wildmatch() matches (wildmatch.c, flag
// WM_PATHNAME). Pure; works on raw bytes. Rules owns its globs; Rules and Scope call them.
//
// Matching simulates all alternatives of the pattern at once, 64 positions per operation. So a byte
// of text costs at most one operation per 64 bytes of the pattern, whatever stars it contains. The
// state of a match can be saved and continued: the directories of a path are matched once, not
// again for every entry.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace lookout {

class Glob {
 public:
  // The state of a partial match: one bit for each position of the pattern that was reached.
  class State {
   public:
    bool operator==(const State&) const = default;

    // Returns the memory outside of the object, in bytes.
    std::size_t memory() const { return more_.size() * sizeof(std::uint64_t); }

   private:
    friend class Glob;
    std::uint64_t& word(std::size_t index) { return index == 0 ? first_ : more_[index - 1]; }

    std::uint64_t first_ = 0;
    std::vector<std::uint64_t> more_;  // for patterns with 64 positions or more
  };

  // In `pattern`, `?` and `[...]` match one byte except `/`, `*` matches any number of such bytes,
  // and `\` quotes the next byte. `**` between slashes, or at either end of the pattern, matches
  // any number of directories. A pattern with an unclosed bracket or an unknown class ([:word:])
  // matches nothing.
  explicit Glob(std::string_view pattern);

  State start() const;
  // Continues the match with `text`. Returns false if no text with this beginning can match.
  bool advance(State& state, std::string_view text) const;
  // Returns whether the text so far matches.
  bool accepts(const State& state) const;

  bool matches(std::string_view text) const;

  // Returns the number of 64-bit words of a state, which is the cost of each byte of text.
  std::size_t words() const { return size_ / 64 + 1; }
  // Returns how many bytes of a text of length `text` are compared at most. A pattern with a star
  // may compare all of them.
  std::size_t longest(std::size_t text) const;

 private:
  class Compiler;

  // What the 64 positions of a word do. A position has one bit in each of three words, whose
  // combinations are the kinds of positions; none: it consumes nothing.
  struct Kinds {
    std::uint64_t one, literal, star;

    // Consume a given byte, a byte of a set, or any byte except `/`.
    std::uint64_t bytes() const { return literal & ~(star | one); }
    std::uint64_t sets() const { return literal & one; }
    std::uint64_t any() const { return one & ~(literal | star); }
    // Consume any byte, with or without `/`, and stay; may be passed without a byte.
    std::uint64_t globstars() const { return star & literal; }
    std::uint64_t stars() const { return star & ~(literal | one); }
    // Passed without a byte, with or without the two positions that follow.
    std::uint64_t skips() const { return star & one; }
  };
  // More sets than this have a table for each class of bytes.
  static constexpr std::size_t kFewSets = 4;

  static constexpr std::size_t kKinds = 3;            // words of a Kinds
  static constexpr std::size_t kPlanes = kKinds + 8;  // and one for each bit of a byte

  Kinds kinds(std::size_t word) const {
    const std::uint64_t* const planes = data_.get() + kPlanes * word;
    return {planes[0], planes[1], planes[2]};
  }
  bool advance_word(std::uint64_t& state, std::string_view text) const;
  std::uint64_t equal(std::size_t word, unsigned char byte) const;
  std::uint64_t in_sets(std::size_t word, unsigned char byte) const;

  // The tables of the pattern, in one allocation because a rule file may have many short patterns:
  //  - for each word: its Kinds; and for each bit of a byte, the positions whose byte has that bit;
  //  - with at most kFewSets sets: for each set, its bytes, and for each word its positions;
  //  - with more sets: the class of each byte, and for each class the positions that consume it.
  //    Two bytes are in the same class if every set contains both or neither.
  std::unique_ptr<std::uint64_t[]> data_;
  std::uint32_t size_ = 0;  // number of positions without the final one, which means a match
  std::uint16_t sets_ = 0;  // number of different sets, up to kFewSets + 1
  bool starred_ = false;    // contains a star
};

}  // namespace lookout
