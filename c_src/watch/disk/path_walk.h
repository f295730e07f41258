// Resolves a path component by component, as path_resolution(7) describes. The classes of disk/,
// roots/ and reconcile/ call it.
#pragma once

#include <functional>
#include <string>

#include "support/unique_fd.h"

namespace lookout {

struct PathStep {
  enum class Kind { directory, other, link, missing };
  Kind kind;
  std::string leads;  // the target of a symbolic link
  int code = 0;       // the errno of a missing entry
};

// Checks the entry at a path of which only the last component may be a symbolic link.
PathStep step_to(const std::string& path);

// Opens the entry at a path of which no component but the last was a symbolic link. Fails with
// ELOOP if one is by now, instead of following it. O_PATH | O_NOFOLLOW opens a link at the end
// itself.
UniqueFd open_without_links(const std::string& path, int flags);

// As step_to(), but follows no symbolic link that has replaced a component meanwhile.
PathStep step_without_links_to(const std::string& path);

// Symbolic links of one path that are followed, as in path_resolution(7); then ELOOP.
inline constexpr int kMaxLinksOfPath = 40;
// Components of one path that are resolved, over all links: 40 targets may have 80,000 components,
// and each costs calls by a path that is as long as the components before it. So a resolution takes
// about ten milliseconds at most.
inline constexpr int kMaxStepsOfPath = 400;

struct PathEnd {
  std::string at;  // the path without symbolic links, up to the last existing component
  bool exists;     // an entry exists at the end of the path
  int steps;       // components that were resolved, those of links and ".." as well
  // The path, with the targets of its links, has more than kMaxStepsOfPath components.
  bool too_long = false;
  int code = 0;  // the errno if no entry exists at the end
};

// Follows an absolute path. Before each step it calls `take` with the current directory and the
// next name; `take` returns what exists there.
PathEnd walk(const std::string& path,
             const std::function<PathStep(const std::string& at, const std::string& name)>& take);

// `directory` has no trailing slash, except for "/".
std::string join(const std::string& directory, const std::string& name);
std::string parent_of(const std::string& path);

}  // namespace lookout
