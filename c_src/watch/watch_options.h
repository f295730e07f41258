// How paths are watched.
#pragma once

#include "watch/hint_source.h"

namespace lookout {

struct WatchOptions {
  bool recursive = true;
  bool report_existing = false;   // what stands there already is told as created
  bool wait_for_missing = false;  // a path that does not exist yet is told when it appears
  Backend backend = Backend::automatic;
  // Milliseconds for which the event of a file waits for its writers at most; 0: it does not wait.
  std::uint32_t await = 0;
};

}  // namespace lookout
