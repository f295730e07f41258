// Frees memory that empty containers keep after they had many elements. The classes of reconcile/
// call it.
#pragma once

#include <cstddef>

namespace lookout {

// More elements than an ordinary round has.
inline constexpr std::size_t kManyElements = 4096;

// Frees the memory of an empty vector that had many elements.
template <class Vector>
void free_if_large(Vector& vector) {
  if (vector.empty() && vector.capacity() > kManyElements) Vector().swap(vector);
}

}  // namespace lookout
