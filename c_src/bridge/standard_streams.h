// The two descriptors of a port program, protected from other code of the process. main() calls it;
// PortTransport then owns the descriptors.
#pragma once

#include "support/error.h"
#include "support/unique_fd.h"

namespace lookout {

// Both are close-on-exec and numbered 3 or above.
struct StandardStreams {
  UniqueFd input;
  UniqueFd output;
};

// Takes over descriptors 0 and 1. Afterwards 0 is /dev/null and 1 is standard error (/dev/null if
// that is closed). So a stray print cannot corrupt the stream, and no child process keeps the
// stream open.
Result<StandardStreams> take_standard_streams();

}  // namespace lookout
