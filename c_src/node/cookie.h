// The secret that the nodes of a cluster share. serve_node() calls it.
#pragma once

#include <string>

#include "support/error.h"

namespace lookout {

// Reads a cookie file, as Erlang writes one: a line of at most 255 bytes. It must be a regular file
// (a symbolic link is followed) that belongs to the user and that nobody else may read or write.
// No error has the content in it.
Result<std::string> read_cookie(const std::string& path);

}  // namespace lookout
