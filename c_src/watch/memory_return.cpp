#include "watch/memory_return.h"

#include <algorithm>

#include "support/free_memory.h"

namespace lookout {
namespace {

// Memory is returned to the kernel only if it is at least this much, in bytes.
constexpr std::size_t kNoticeableMemory = std::size_t{4} << 20;

}  // namespace

bool MemoryReturn::step(Tree& tree) {
  if (tree.compact()) return true;
  const std::size_t memory = tree.memory();
  most_ = std::max(most_, memory);
  if (memory > most_ / 2 || most_ - memory < kNoticeableMemory) return false;
  most_ = memory;
  give_free_memory_back();
  return false;
}

}  // namespace lookout
