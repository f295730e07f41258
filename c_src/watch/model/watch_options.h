// How paths are watched. Engine::watch() takes it; Root and Cursor keep it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "watch/model/backend.h"

namespace lookout {

struct WatchOptions {
  bool recursive = true;
  bool report_existing = false;   // report entries that already exist as created
  bool wait_for_missing = false;  // a path that does not exist yet is reported when it appears
  bool follow_symlinks = false;   // a link that leads to a directory is reported as that directory
  Backend backend = Backend::automatic;
  // How many milliseconds the event of a file waits for its writers at most; 0: it does not wait.
  std::uint32_t await = 0;

  bool gitignore = false;  // hide what git ignores (watch/disk/rule_files.h), and .git
  // Lines as in a .gitignore file in each of the directories.
  std::vector<std::string> ignore = {};  // what they match is hidden
  // If any: only what they match is visible, apart from directories.
  std::vector<std::string> only = {};

  bool operator==(const WatchOptions&) const = default;
};

}  // namespace lookout
