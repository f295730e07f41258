// Confines watching to some directories: for a node that serves other hosts. serve_node() calls
// confine(); the classes of disk/, roots/ and reconcile/ call the rest.
//
// The setting is process-wide, so that no caller can miss it, and is made once, before anything is
// watched. Without it every path may be watched. Every check is made on an open descriptor, so a
// path that leads elsewhere a moment later has no effect.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "support/error.h"
#include "support/unique_fd.h"

namespace lookout {

// Allows nothing but what is in one of these directories, given as absolute paths. A file system
// that is mounted below one is not in it: it needs an entry of its own. Returns an error if one is
// no directory.
std::optional<Error> confine(const std::vector<std::string>& directories);

bool is_confined();

// Whether an open file, or directory, is in an allowed directory, or is one. True if nothing is
// confined. Makes no call that waits for a remote file system.
bool is_allowed(int fd);

// Whether a path without symbolic links is in an allowed directory, or is one.
bool is_allowed_path(const std::string& path);

// Opens a path with O_PATH, symbolic links followed. The result is in an allowed directory, and the
// names of nothing else were looked up.
struct AllowedPath {
  UniqueFd fd;
  int code = 0;          // errno; ELOOP after 40 links, or 400 components after the first one
  bool outside = false;  // the path does not begin in an allowed directory, or leads out of it
};
AllowedPath open_allowed(const std::string& path);

// The error for a path that is outside; its cause is Cause::outside.
Error not_allowed(const std::string& path);

}  // namespace lookout
