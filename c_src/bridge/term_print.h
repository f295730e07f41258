// Prints terms for the detail of an error. The decoders of requests call it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace lookout {

inline constexpr std::size_t kMaxPrinted = 120;

// `hidden` protects secrets: prints only the size of a binary or a string, and `_` for each integer
// in a list.
enum class Contents { shown, hidden };

// Prints the term at the front of the bytes, without a version byte, in Elixir syntax, cut to about
// `max_size` bytes. Ignores bytes after the term. The result is valid UTF-8; control bytes and
// invalid UTF-8 are printed as \xHH. The bytes must have passed check_term().
std::string print_term(std::string_view bytes, std::size_t max_size = kMaxPrinted);
std::string print_term(std::string_view bytes, Contents contents);

// Prints a binary as print_term() does.
std::string print_binary(std::string_view bytes, std::size_t max_size = kMaxPrinted);

}  // namespace lookout
