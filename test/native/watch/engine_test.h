// What the tests of the engine share: a directory, a watcher of it, and questions to both.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "watch/disk/disk.h"
#include "watch/temp_directory.h"
#include "watch/watcher.h"

namespace lookout {

// Of the kernel's clock, in nanoseconds: CONFIG_HZ is 100 or more.
inline constexpr std::int64_t kLongestTick = 10'000'000;

inline void let_a_tick_pass() {
  const std::int64_t before = inode_clock();
  while (inode_clock() <= before + kLongestTick) std::this_thread::yield();
}

class EngineTest : public testing::Test {
 protected:
  // Watches what stands at `names` and replays strictly what is told of it. Only for directories.
  void watch(const std::vector<std::string>& names, const WatchOptions& options = {}) {
    std::vector<std::string> paths;
    for (const std::string& name : names) paths.push_back(home_.at(name));
    if (options.report_existing) watcher_.mirror_from_nothing(paths);
    ASSERT_EQ(watcher_.watch(paths, options), std::nullopt);
    if (!options.report_existing) watcher_.mirror_from_listing(paths);
  }

  // Lets what stands there grow old: a file that was born in the same tick of the kernel's clock as
  // the engine last checked may have the inode number of one that is gone, and is told as modified
  // when it is renamed.
  void age() {
    let_a_tick_pass();
    ASSERT_EQ(synced(), Told{});
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
