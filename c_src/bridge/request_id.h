#pragma once

#include <cstdint>

namespace lookout {

// Sender's choice, 0 to 2^63-1; comes back in the reply.
using RequestId = std::uint64_t;

}  // namespace lookout
