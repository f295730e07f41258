// Terms as lookout_port writes them, decoded by hand: what judges shares no codec with what is
// judged.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace lookout::inject {

struct BadTerm : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Term {
  enum class Kind : std::uint8_t { atom, integer, binary, list, tuple, map };
  Kind kind = Kind::atom;
  std::int64_t number = 0;
  std::string text{};         // of an atom or a binary
  std::vector<Term> parts{};  // of a list or a tuple; of a map, keys and values in turn

  bool is_atom(std::string_view name) const { return kind == Kind::atom && text == name; }
  bool is_tuple(std::string_view tag) const {
    return kind == Kind::tuple && !parts.empty() && parts.front().is_atom(tag);
  }
  // Throws BadTerm where there is none.
  const Term& at(std::size_t index) const {
    if (index >= parts.size()) throw BadTerm("a term is too short");
    return parts[index];
  }
};

// The payload of a frame. Throws BadTerm.
Term decode(std::string_view payload);

// As Elixir writes it, for messages.
std::string print(const Term& term);

}  // namespace lookout::inject
