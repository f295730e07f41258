// Checks and normalizes the paths in requests. The decoders of requests call it.
#pragma once

#include <string>
#include <string_view>

#include "support/error.h"

namespace lookout {

// Removes empty components, `.` components and a slash at the end. Returns the error `bad_request`
// for a path that is empty, relative, too long, or contains a NUL or a `..` component; `operation`
// is the operation of that error. A symbolic link before `..` changes what `..` refers to, so the
// sender must resolve `..` before it sends the path.
Result<std::string> take_path(std::string_view raw, std::string_view operation);

}  // namespace lookout
