// Encodes a term element by element, with ei. Outbox and NodeSession own one each; `replies` and
// `command_replies` write with it. Makes no system call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace lookout {

// Encodes one term after another into the same buffer. After tuple(), map() or list() the caller
// must write the number of elements that it has announced, for a map two per pair. Each function
// throws std::length_error for a value that the format cannot hold.
class TermWriter {
 public:
  TermWriter();
  TermWriter(const TermWriter&) = delete;
  TermWriter& operator=(const TermWriter&) = delete;

  // Discards the previous term and begins a new one with the version byte.
  void begin();

  void tuple(std::size_t arity);
  void map(std::size_t pairs);
  void list(std::size_t size);  // unless the size is 0, empty_list() follows the elements
  void empty_list();
  void atom(std::string_view utf8);  // at most 255 characters
  void binary(std::string_view bytes);
  void natural(std::uint64_t value);
  void integer(std::int64_t value);

  // Returns the term so far; valid until the next call.
  std::string_view bytes() const;

 private:
  char* room(std::size_t bytes);

  std::vector<char> buffer_;
  int index_ = 0;  // end of the term so far
};

}  // namespace lookout
