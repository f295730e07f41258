// Terms as text, for the detail of an error.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace lookout {

// The term that the bytes begin with (no version byte; anything may follow it), in Elixir's
// syntax, cut to about `max_size` bytes. Valid UTF-8; control bytes and bytes that are not UTF-8
// come as \xHH. The bytes must have passed check_term.
std::string print_term(std::string_view bytes, std::size_t max_size = 120);

// A binary as print_term shows it.
std::string print_binary(std::string_view bytes, std::size_t max_size = 120);

}  // namespace lookout
