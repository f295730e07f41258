// Counts system calls of the tests' own process.
#pragma once

#include <cstdint>

namespace lookout {

// Calls of statx(2) since the start.
std::uint64_t stat_calls();

}  // namespace lookout
