// Counts system calls of the tests' own process, holds them, and makes them fail.
#pragma once

#include <cstdint>

namespace lookout {

// Calls of statx(2) since the start.
std::uint64_t stat_calls();
// Calls of statx(2) wait from now on until they are released.
void hold_stats();
void release_stats();
// How many calls of statx(2) wait.
int held_stats();
// Calls of getxattr(2) fail with this errno from now on, unless it is 0.
void fail_xattrs(int code);
// Calls of readlink(2) and readlinkat(2) since the start.
std::uint64_t link_calls();

}  // namespace lookout
