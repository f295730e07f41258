#include "command/program_search.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace lookout {
namespace {

constexpr std::string_view kDefaultPath = "/usr/local/bin:/usr/bin:/bin";

bool is_file(const char* path) {
  struct stat status {};
  return ::stat(path, &status) == 0 && S_ISREG(status.st_mode);
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

std::vector<std::string> program_candidates(const std::string& name, std::string_view path,
                                            const std::string& directory) {
  if (name.find('/') != std::string::npos) return {name};
  if (path.empty()) path = kDefaultPath;
  std::vector<std::string> candidates;
  for (std::size_t start = 0; !name.empty() && start <= path.size();) {
    const std::size_t end = std::min(path.find(':', start), path.size());
    candidates.push_back(join(path.substr(start, end - start), directory, name));
    start = end + 1;
  }
  return candidates;
}

const char* find_program(const std::vector<std::string>& candidates) {
  int code = ENOENT;
  for (const std::string& candidate : candidates) {
    if (!is_file(candidate.c_str())) continue;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate.c_str();
    code = EACCES;
  }
  errno = code;
  return nullptr;
}

}  // namespace lookout
