// One pattern of gitignore(5), compiled to what git's wildmatch() takes (git's wildmatch.c, flag
// WM_PATHNAME). Pure; raw bytes.
//
// Matching follows all paths through the pattern at once, 64 positions of it in each operation, so
// a byte of text costs at most one operation per 64 bytes of the pattern, whatever stars it has.
// What was reached can be kept and continued: the directories of a path are matched once, not again
// for every entry.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lookout {

class Glob {
 public:
  // How far a text has been matched: the positions of the pattern that were reached, a bit each.
  class State {
   public:
    bool operator==(const State&) const = default;

    // Bytes beside the object.
    std::size_t memory() const { return more_.size() * sizeof(std::uint64_t); }

   private:
    friend class Glob;
    std::uint64_t& word(std::size_t index) { return index == 0 ? first_ : more_[index - 1]; }

    std::uint64_t first_ = 0;
    std::vector<std::uint64_t> more_;  // of patterns with 64 positions or more
  };

  // In `pattern` `?` and `[...]` stand for one byte but
  // `/`, `*` for any number of them, `\` takes away the meaning of what follows; `**` between
  // slashes, or at either end of `pattern`, stands for any number of directories. A pattern with
  // an open bracket or an unknown class ([:word:]) matches nothing.
  explicit Glob(std::string_view pattern);

  State start() const;
  // Continues with `text`; false when no text that begins so is matched.
  bool advance(State& state, std::string_view text) const;
  // Whether the text so far is matched.
  bool accepts(const State& state) const;

  bool matches(std::string_view text) const;

  // The 64-bit words of a state: what each byte of a text takes.
  std::size_t words() const { return size_ / 64 + 1; }
  // The longest text in which each byte is compared: of a pattern with a star any text.
  std::size_t longest(std::size_t text) const;

 private:
  class Compiler;
  // Positions of which each byte does the same, a bit each, as in a state.
  using Plane = std::vector<std::uint64_t>;

  std::size_t size_ = 0;  // positions without the last, which is that of a match
  bool starred_ = false;  // has a star
  Plane any_;             // take any byte but `/`
  Plane star_;            // take any byte but `/`, and stay; are passed without a byte
  Plane globstar_;        // take any byte, and stay; are passed without a byte
  Plane skip_;            // are passed without a byte, with the two that follow or without them
  // The bytes that the pattern does not tell apart have one class. By class the positions that take
  // such a byte: words() words each.
  std::string class_of_;  // by byte; empty where no byte is compared
  Plane takes_;
};

}  // namespace lookout
