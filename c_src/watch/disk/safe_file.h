// Reads files at paths that others may control. read_gitignore(), read_repository() and
// writers_of() call it.
//
// Only regular files are opened for reading. A path is opened with O_PATH first, which has no
// effect on a FIFO or a device. The result is checked and then opened again through /proc/self/fd,
// so /proc must be mounted.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "support/unique_fd.h"

namespace lookout {

enum class Links : std::uint8_t {
  none,     // a link as the last component is not followed
  refused,  // ELOOP if any component is a link
  beneath,  // only links that stay below the directory, else EXDEV; before Linux 5.6 as `refused`
  all
};

// A path opened with O_PATH.
struct SafePath {
  UniqueFd fd;
  struct stat seen {};
  int code = 0;  // errno if it could not be opened
};

SafePath open_path(int directory_fd, const std::string& path, Links links);

// Follows a path component by component, and a link only if `follows` returns true for that open
// link: nobody can replace it after that. If `follows` returns false, the link is the result. ELOOP
// after 40 links, or 400 components after the first link.
using Follows = std::function<bool(const SafePath& link)>;
SafePath open_path(int directory_fd, const std::string& path, const Follows& follows);

// The path that an open link leads to; empty if it cannot be read.
std::string target_of(const SafePath& link);

// Opens a regular file for reading. Returns null for any other type, and with errno if the system
// refuses.
UniqueFd open_to_read(const SafePath& file);

struct SafeText {
  std::string text;  // empty unless it is a regular file that may be read (confinement.h)
  int code = 0;      // errno; EFBIG if the file has more than `most` bytes
};

SafeText read_text(const SafePath& file, std::size_t most);

}  // namespace lookout
