// Bytes of the heap that are in use, as the allocator counts them: that of the C library, or that
// of AddressSanitizer.
#pragma once

#include <malloc.h>

#include <cstddef>

extern "C" std::size_t __sanitizer_get_current_allocated_bytes() __attribute__((weak));

namespace lookout {

inline std::size_t allocated_bytes() {
  if (&__sanitizer_get_current_allocated_bytes != nullptr) {
    return __sanitizer_get_current_allocated_bytes();
  }
  return ::mallinfo2().uordblks + ::mallinfo2().hblkhd;
}

}  // namespace lookout
