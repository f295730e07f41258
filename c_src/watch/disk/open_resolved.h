// openat2(2), which restricts how a path is resolved. The files of this folder call it through
// here, and each has its own fallback for a kernel without it.
#pragma once

#include <cstdint>
#include <string>

#include "support/unique_fd.h"

namespace lookout {

// As openat(2), restricted by `resolve`, the RESOLVE_ flags of <linux/openat2.h>. Null, with errno,
// if it fails.
UniqueFd open_resolved(int directory_fd, const std::string& path, int flags, std::uint64_t resolve);

// Whether open_resolved() has failed since there is no such call: before Linux 5.6, or where a
// seccomp filter that does not know it refuses it. Reads errno.
bool lacks_openat2();

}  // namespace lookout
