// Decodes a term element by element, with ei. `requests` creates one for each request, and
// `request_fields` and `command_requests` read with it. Makes no system call.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lookout {

// Each reading function returns the element at the cursor and moves past it. If the element has
// another type, it returns nothing and does not move.
class TermReader {
 public:
  // `checked` is a whole term with its version byte that has passed check_term(). The bytes must
  // outlive the reader.
  explicit TermReader(std::string_view checked);

  std::optional<int> tuple();  // the arity; the elements follow
  // Returns the number of elements. The caller then reads the elements and, if there are any, the
  // tail with empty_list(). Returns nothing for a list in the compact form (STRING_EXT).
  std::optional<int> list();
  // Returns the bytes of a list in the compact form: integers from 0 to 255.
  std::optional<std::string> small_integers();
  bool empty_list();                  // an empty list, or the tail of a proper list
  std::optional<std::string> atom();  // UTF-8
  std::optional<std::string> binary();
  std::optional<std::uint64_t> natural();  // 0 to 2^63-1
  std::optional<std::int64_t> integer();

  // Returns the bytes from the cursor on, for print_term().
  std::string_view rest() const { return bytes_.substr(static_cast<std::size_t>(index_)); }

 private:
  std::string_view bytes_;
  int index_ = 0;
};

}  // namespace lookout
