// Takes a term apart, piece by piece, through ei.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lookout {

// Each reading function gives the piece at the cursor and moves past it, or gives nothing and
// stays where that piece is of another kind.
class TermReader {
 public:
  // A whole term with its version byte, that has passed check_term. The bytes must outlive this.
  explicit TermReader(std::string_view checked);

  std::optional<int> tuple();  // its arity; the elements follow
  // The number of elements, which follow, and then, unless it is 0, the tail: see empty_list().
  // Gives nothing for a list of small integers in the compact form (STRING_EXT).
  std::optional<int> list();
  // What list() does not take: a list of integers from 0 to 255 in the compact form.
  std::optional<std::string> small_integers();
  bool empty_list();                  // also the tail of a proper list
  std::optional<std::string> atom();  // UTF-8
  std::optional<std::string> binary();
  std::optional<std::uint64_t> natural();  // 0 to 2^63-1
  std::optional<std::int64_t> integer();

  // The bytes from the cursor on, for print_term.
  std::string_view rest() const { return bytes_.substr(static_cast<std::size_t>(index_)); }

 private:
  std::string_view bytes_;
  int index_ = 0;
};

}  // namespace lookout
