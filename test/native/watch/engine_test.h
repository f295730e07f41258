// What the tests of the engine share: a directory, a watcher of it, and questions to both.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "watch/temp_directory.h"
#include "watch/watcher.h"

namespace lookout {

class EngineTest : public testing::Test {
 protected:
  // Watches what stands at `names` and replays strictly what is told of it. Only for directories.
  void watch(const std::vector<std::string>& names, WatchOptions options = {}) {
    std::vector<std::string> paths;
    for (const std::string& name : names) paths.push_back(home_.at(name));
    if (options.report_existing) watcher_.mirror_from_nothing(paths);
    ASSERT_EQ(watcher_.watch(paths, options), std::nullopt);
    if (!options.report_existing) watcher_.mirror_from_listing(paths);
  }

  // What was told up to a sync; by then the mirror, if there is one, must be the disk.
  Told synced() {
    watcher_.sync();
    if (watcher_.mirrors()) watcher_.expect_mirror_is_disk();
    return watcher_.told();
  }

  TempDirectory home_;
  Watcher watcher_{home_.path()};
};

// For events whose order is not promised.
inline Told sorted(Told lines) {
  std::sort(lines.begin(), lines.end());
  return lines;
}

}  // namespace lookout
