// Checks untrusted bytes before they are passed to ei, which trusts every length it reads and
// recurses as deep as the term is nested. decode_request() calls it.
#pragma once

#include <cstddef>
#include <string_view>

#include "support/error.h"

namespace lookout {

inline constexpr std::size_t kMaxTermDepth = 64;          // nested containers
inline constexpr std::size_t kMaxTermElements = 262'144;  // elements of all containers together

// Succeeds if the bytes are exactly one term: version 131, only the tags of etf.h, within the
// limits above, every length within the bytes, atoms of at most 255 characters (valid UTF-8 if that
// is their encoding). Otherwise returns `bad_term`, with a detail of the byte position, what was
// expected and what was found. Takes linear time and allocates no memory.
Result<Done> check_term(std::string_view bytes);

}  // namespace lookout
