#pragma once

#include <cstdint>

namespace lookout {

// Chosen by the sender, 0 to 2^63-1, and repeated in the reply. Each request contains one; Session
// reads it.
using RequestId = std::uint64_t;

}  // namespace lookout
