// A pattern of gitignore(5), compiled. It matches what git's wildmatch() matches (wildmatch.c, flag
// WM_PATHNAME). Pure; works on raw bytes.
//
// Matching simulates all alternatives of the pattern at once, 64 positions per operation. So a byte
// of text costs at most one operation per 64 bytes of the pattern, whatever stars it contains. The
// state of a match can be saved and continued: the directories of a path are matched once, not
// again for every entry.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
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
  // One bit for each position of the pattern, as in a state; set if the position has a given
  // behaviour.
  using Plane = std::vector<std::uint64_t>;

  std::size_t size_ = 0;  // number of positions without the final one, which means a match
  bool starred_ = false;  // contains a star
  Plane any_;             // consume any byte except `/`
  Plane star_;            // consume any byte except `/` and stay; may be passed without a byte
  Plane globstar_;        // consume any byte and stay; may be passed without a byte
  Plane skip_;            // passed without a byte, with or without the two positions that follow
  // Bytes that the pattern does not distinguish have the same class. takes_ contains words() words
  // for each class: the positions that consume a byte of that class.
  std::string class_of_;  // class of each byte; empty if no byte is compared
  Plane takes_;
};

}  // namespace lookout
