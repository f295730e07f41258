// Paths as they come from outside.
#pragma once

#include <string>
#include <string_view>

#include "support/error.h"

namespace lookout {

// The path without empty parts, `.` parts and a slash at its end. `bad_request` for one that is
// empty, relative, too long, or holds a NUL or a `..` part: what `..` means depends on the
// symlinks before it, so whoever knows the wish resolves it.
Result<std::string> take_path(std::string_view raw, std::string_view operation);

}  // namespace lookout
