// Resolves a path component by component, as path_resolution(7) describes.
#pragma once

#include <functional>
#include <string>

namespace lookout {

struct PathStep {
  enum class Kind { directory, other, link, missing };
  Kind kind;
  std::string leads;  // the target of a symbolic link
};

// Checks the entry at a path of which only the last component may be a symbolic link.
PathStep step_to(const std::string& path);

struct PathEnd {
  std::string at;  // as far as the path led, without symbolic links
  bool whole;      // an entry exists at the end of the path
};

// Follows an absolute path. Before each step it calls `take` with the current directory and the
// next name; `take` returns what exists there.
PathEnd walk(const std::string& path,
             const std::function<PathStep(const std::string& at, const std::string& name)>& take);

// `directory` has no trailing slash, except for "/".
std::string join(const std::string& directory, const std::string& name);
std::string parent_of(const std::string& path);

}  // namespace lookout
