// Reads files at paths that others may control.
//
// Nothing but a regular file is opened for reading: a path is opened with O_PATH first, which
// affects neither a FIFO nor a device, and what it led to is checked and then opened again through
// /proc/self/fd, which must be mounted.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "support/unique_fd.h"

namespace lookout {

enum class Links : std::uint8_t {
  none,     // the last component is not followed
  refused,  // ELOOP where any component is one
  beneath,  // only those that stay below the directory, else EXDEV; before Linux 5.6 as `refused`
  all
};

// A path opened with O_PATH.
struct SafePath {
  UniqueFd fd;
  struct stat seen {};
  int code = 0;  // errno where it could not be opened
};

SafePath open_path(int directory_fd, const std::string& path, Links links);

// Follows a path component by component, and a link only where `follows` says so of the link
// itself: nobody can put another one in its place after that. A link that is not followed is what
// the path leads to.
using Follows = std::function<bool(const SafePath& link)>;
SafePath open_path(int directory_fd, const std::string& path, const Follows& follows);

// The path that an open link leads to; empty where that cannot be read.
std::string target_of(const SafePath& link);

// Null of anything but a regular file; where the system refuses, with errno.
UniqueFd open_to_read(const SafePath& file);

struct SafeText {
  std::string text;  // empty of anything but a regular file
  int code = 0;      // errno; EFBIG where there are more than `most` bytes
};

SafeText read_text(const SafePath& file, std::size_t most);

}  // namespace lookout
