// Reads whole files, such as those of /proc and of cgroups. The functions of command/ call it.
#pragma once

#include <fcntl.h>

#include <string>

namespace lookout {

// The content of a file, by a path relative to `directory`, as for openat(2). Returns an empty
// string if the file cannot be read. Uses no C++ stream: with no descriptor left UBSan takes one
// for an invalid object.
std::string content_of(const std::string& path, int directory = AT_FDCWD);

}  // namespace lookout
