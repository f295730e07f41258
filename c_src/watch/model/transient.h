#pragma once

#include <cerrno>

namespace lookout {

// Whether this errno is transient: no descriptors, no memory, EINTR or EAGAIN. The classes of
// disk/, roots/ and sources/ call it.
inline bool is_transient(int code) {
  return code == EMFILE || code == ENFILE || code == ENOMEM || code == EINTR || code == EAGAIN;
}

}  // namespace lookout
