// The two descriptors that a port program is given, made safe from the rest of the program.
#pragma once

#include "support/error.h"
#include "support/unique_fd.h"

namespace lookout {

// Both are close-on-exec and numbered 3 or above.
struct StandardStreams {
  UniqueFd input;
  UniqueFd output;
};

// Takes over descriptors 0 and 1. Afterwards 0 is /dev/null and 1 is standard error (/dev/null
// where that is closed), so that a stray print cannot corrupt the stream and no process started
// later holds it open.
Result<StandardStreams> take_standard_streams();

}  // namespace lookout
