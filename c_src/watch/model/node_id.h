// The number of an entry in the tree. Makes no system call. Tree assigns it.
#pragma once

#include <cstdint>

namespace lookout {

using NodeId = std::uint32_t;
inline constexpr NodeId kNoNode = 0;

}  // namespace lookout
