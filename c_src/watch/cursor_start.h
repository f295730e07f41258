// Where the snapshots of a watcher are, and from which one to go on.
#pragma once

#include <string>

namespace lookout {

struct CursorStart {
  std::string directory;
  std::string from;  // the name of the snapshot; empty: from nothing

  bool operator==(const CursorStart&) const = default;
};

}  // namespace lookout
