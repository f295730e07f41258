// UTF-8 as Unicode defines it: no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <string_view>

namespace lookout {

struct Utf8Char {
  char32_t code_point = 0;
  std::size_t length = 0;  // bytes; 0 where no valid character begins
};

// The character that the bytes begin with.
Utf8Char first_utf8_char(std::string_view bytes);

}  // namespace lookout
