// Where the snapshots of a watcher are, and from which one to continue. The session decodes it from
// a request and passes it to Engine::watch_from().
#pragma once

#include <string>

namespace lookout {

struct CursorStart {
  std::string directory;
  std::string from;  // the name of the snapshot; empty: from nothing

  bool operator==(const CursorStart&) const = default;
};

}  // namespace lookout
