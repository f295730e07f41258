// Lets all allocations with `new` fail in the processes that are forked from the tests.
#pragma once

#include <atomic>

namespace lookout {

// Shared with those processes.
struct RefusedMemory {
  std::atomic<bool> refusing;
  std::atomic<int> refused;  // allocations
};
RefusedMemory& refused_memory();

}  // namespace lookout
