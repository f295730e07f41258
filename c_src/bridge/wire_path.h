// Validates paths from requests.
#pragma once

#include <string>
#include <string_view>

#include "support/error.h"

namespace lookout {

// Returns the path without empty components, `.` components and a slash at the end. Returns
// `bad_request` for a path that is empty, relative, too long, or contains a NUL or a `..`
// component. The meaning of `..` depends on the symlinks before it, so the sender has to resolve
// it.
Result<std::string> take_path(std::string_view raw, std::string_view operation);

}  // namespace lookout
