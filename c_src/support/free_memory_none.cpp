// For C libraries that keep little of what is freed, or offer no call.
#include "support/free_memory.h"

namespace lookout {

void give_free_memory_back() {}

}  // namespace lookout
