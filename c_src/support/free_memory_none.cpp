// For C libraries that keep little freed memory, or have no call to return it.
#include "support/free_memory.h"

namespace lookout {

void give_free_memory_back() {}

}  // namespace lookout
