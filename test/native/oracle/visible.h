// What of the disk is to be told with `ignore`, `only` and the like: found anew at every rest, from
// the top, with nothing kept. The rules themselves are compared with git's in ignore/.
#pragma once

#include <string>

#include "mutator/snapshot.h"
#include "watch/watch_options.h"

namespace lookout::oracle {

// Takes out of the snapshot of the directory `path` what is not visible.
void keep_visible(SnapshotNode& found, const std::string& path, const WatchOptions& options);

}  // namespace lookout::oracle
