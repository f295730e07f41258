// How paths are watched.
#pragma once

#include <string>
#include <vector>

#include "watch/hint_source.h"

namespace lookout {

struct WatchOptions {
  bool recursive = true;
  bool report_existing = false;   // what stands there already is told as created
  bool wait_for_missing = false;  // a path that does not exist yet is told when it appears
  bool follow_symlinks = false;   // those that lead to a directory stand for it
  Backend backend = Backend::automatic;
  // Milliseconds for which the event of a file waits for its writers at most; 0: it does not wait.
  std::uint32_t await = 0;

  bool gitignore = false;  // what git ignores is invisible (watch/rule_files.h), .git too
  // Lines as in a .gitignore file that stands in each of the directories.
  std::vector<std::string> ignore = {};  // what they match is invisible
  std::vector<std::string> only = {};    // if any: what is no directory is visible where they match

  bool operator==(const WatchOptions&) const = default;
};

}  // namespace lookout
