// The way that a path leads, step by step, as path_resolution(7) tells it.
#pragma once

#include <functional>
#include <string>

namespace lookout {

struct WayStep {
  enum class Kind { directory, other, link, missing };
  Kind kind;
  std::string leads;  // of a symbolic link
};

// What stands at a path, of which only the last part may be a symbolic link.
WayStep step_to(const std::string& path);

struct WayEnd {
  std::string at;  // as far as it led, without symbolic links
  bool whole;      // something stands at its end
};

// Follows an absolute path. Before each step `take` is called with the directory that it is made
// from and the next name, and tells what stands there.
WayEnd walk(const std::string& path,
            const std::function<WayStep(const std::string& at, const std::string& name)>& take);

// `directory` without slash at its end, but for "/".
std::string join(const std::string& directory, const std::string& name);
std::string parent_of(const std::string& path);

}  // namespace lookout
