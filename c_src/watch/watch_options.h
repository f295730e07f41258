// How paths are watched.
#pragma once

#include "watch/hint_source.h"

namespace lookout {

struct WatchOptions {
  bool recursive = true;
  bool report_existing = false;   // what stands there already is told as created
  bool wait_for_missing = false;  // a path that does not exist yet is told when it appears
  Backend backend = Backend::automatic;
};

}  // namespace lookout
