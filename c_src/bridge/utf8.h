// UTF-8 as defined by Unicode: no overlong forms, no surrogates, nothing above U+10FFFF.
// check_term() and print_term() call it.
#pragma once

#include <cstddef>
#include <string_view>

namespace lookout {

struct Utf8Char {
  char32_t code_point = 0;
  std::size_t length = 0;  // bytes; 0 if no valid character begins here
};

// Decodes the character at the front of the bytes.
Utf8Char first_utf8_char(std::string_view bytes);

}  // namespace lookout
