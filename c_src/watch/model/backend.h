#pragma once

#include <cstdint>

namespace lookout {

// How changes below a root are found. WatchOptions contains it; HintSource takes it.
enum class Backend : std::uint8_t {
  automatic,  // kernel events where they report every change, polling elsewhere
  inotify,
  fanotify,  // inotify where the file system cannot be marked
  poll,
  fswatch  // polling, and checks of the paths that the program fswatch prints
};

}  // namespace lookout
