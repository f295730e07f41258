// One pattern of gitignore(5), compiled to what git's wildmatch() takes (git's wildmatch.c, flag
// WM_PATHNAME). Pure; raw bytes.
//
// Matching follows all ways through the pattern at once, so a byte of text costs at most one look
// at each byte of the pattern, whatever stars it has. What was reached can be kept and gone on
// from: the directories of a path are matched once, not again for every entry.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace lookout {

class Glob {
 public:
  // How far a text has been matched: the positions of the pattern that were reached, a bit each.
  class State {
   public:
    bool operator==(const State&) const = default;

   private:
    friend class Glob;
    bool none() const;
    void add(std::size_t position);

    std::uint64_t first_ = 0;
    std::vector<std::uint64_t> more_;  // of patterns with 64 positions or more
  };

  // `prefix` is taken as it is, byte for byte. In `pattern` `?` and `[...]` stand for one byte but
  // `/`, `*` for any number of them, `\` takes away the meaning of what follows; `**` between
  // slashes, or at either end of `pattern`, stands for any number of directories. A pattern with
  // an open bracket or an unknown class ([:word:]) matches nothing.
  Glob(std::string_view prefix, std::string_view pattern);

  State start() const;
  // Goes on through `text`; false when no text that begins so is matched.
  bool advance(State& state, std::string_view text) const;
  // Whether the text so far is matched.
  bool accepts(const State& state) const;

  bool matches(std::string_view text) const;

 private:
  using Bytes = std::bitset<256>;
  struct Token {
    // `skip` leads to the next token and past the two that follow it: the `/` of `**/`.
    enum class Kind : std::uint8_t { byte, any, set, star, globstar, skip, never };
    Kind kind;
    unsigned char byte = 0;
    std::uint32_t set = 0;  // index in sets_
  };

  std::size_t add_stars(std::string_view pattern, std::size_t at);
  std::size_t add_set(std::string_view pattern, std::size_t at);
  void close(State& state) const;
  template <class F>
  void for_each(const State& state, F f) const;

  std::vector<Token> tokens_;
  std::vector<Bytes> sets_;
};

}  // namespace lookout
