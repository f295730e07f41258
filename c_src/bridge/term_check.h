// Whether bytes from outside are a term that may be given to ei, which trusts every length it
// reads and recurses as deep as the bytes say.
#pragma once

#include <cstddef>
#include <string_view>

#include "support/error.h"

namespace lookout {

inline constexpr std::size_t kMaxTermDepth = 64;          // containers within containers
inline constexpr std::size_t kMaxTermElements = 262'144;  // elements of all containers together

// Done where the bytes are exactly one term: version 131, tags of etf.h only, within the limits
// above, every length within the bytes, atoms of at most 255 characters (valid UTF-8 where that is
// their encoding). Else `bad_term`, whose detail says at which byte, what was expected and what
// came. Takes time linear in the bytes and no memory.
Result<Done> check_term(std::string_view bytes);

}  // namespace lookout
