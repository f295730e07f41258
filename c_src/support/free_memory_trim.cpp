// For glibc, with malloc_trim(3).
#include <malloc.h>

#include "support/free_memory.h"

namespace lookout {

void give_free_memory_back() {
  ::malloc_trim(0);
}

}  // namespace lookout
