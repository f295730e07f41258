// Returns memory to the kernel when most of the tree has been deleted. EngineLoop owns it, and
// calls it at the end of a slice that has left no work.
#pragma once

#include <cstddef>

#include "watch/model/tree.h"

namespace lookout {

class MemoryReturn {
 public:
  // Does one step while there is nothing else to do. Returns false when there is no more to do.
  bool step(Tree& tree);

 private:
  std::size_t most_ = 0;  // the most that the idle tree took since memory was last returned
};

}  // namespace lookout
