#include "command/program_search.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "command/launch_error.h"

namespace lookout {
namespace {

constexpr std::string_view kDefaultPath = "/usr/local/bin:/usr/bin:/bin";

bool is_file(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

bool may_execute(const std::string& path) {
  return ::faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) == 0;
}

std::string join(std::string_view part, const std::string& directory, const std::string& name) {
  std::string path;
  // An empty part of PATH is the working directory (environ(7)).
  if (part.empty() || part.front() != '/') path = directory + '/';
  path += part;
  path += '/';
  return path + name;
}

}  // namespace

Result<std::string> find_program(const std::string& name, std::string_view path,
                                 const std::string& directory) {
  if (name.find('/') != std::string::npos) return name;
  if (path.empty()) path = kDefaultPath;
  bool forbidden = false;
  for (std::size_t start = 0; !name.empty() && start <= path.size();) {
    const std::size_t end = std::min(path.find(':', start), path.size());
    std::string candidate = join(path.substr(start, end - start), directory, name);
    if (is_file(candidate)) {
      if (may_execute(candidate)) return candidate;
      forbidden = true;
    }
    start = end + 1;
  }
  return launch_error({LaunchStep::exec, forbidden ? EACCES : ENOENT}, name);
}

}  // namespace lookout
