#include "watch/disk/path_walk.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <deque>
#include <sstream>

namespace lookout {
namespace {

constexpr int kMostLinksOfPath = 40;  // as in path_resolution(7); then ELOOP

std::deque<std::string> components(const std::string& path) {
  std::deque<std::string> parts;
  std::istringstream stream(path);
  for (std::string part; std::getline(stream, part, '/');) {
    if (!part.empty() && part != ".") parts.push_back(part);
  }
  return parts;
}

}  // namespace

PathStep step_to(const std::string& path) {
  struct stat seen {};
  if (::lstat(path.c_str(), &seen) != 0) return {PathStep::Kind::missing, {}};
  if (S_ISDIR(seen.st_mode)) return {PathStep::Kind::directory, {}};
  if (!S_ISLNK(seen.st_mode)) return {PathStep::Kind::other, {}};
  std::array<char, PATH_MAX> target{};
  const ssize_t length = ::readlink(path.c_str(), target.data(), target.size());
  if (length <= 0) return {PathStep::Kind::link, {}};
  return {PathStep::Kind::link, std::string(target.data(), static_cast<std::size_t>(length))};
}

PathEnd walk(const std::string& path,
             const std::function<PathStep(const std::string& at, const std::string& name)>& take) {
  std::deque<std::string> rest = components(path);
  std::string at = "/";
  int links = 0;
  while (!rest.empty()) {
    const std::string name = rest.front();
    rest.pop_front();
    if (name == "..") {
      at = parent_of(at);
      continue;
    }
    const PathStep step = take(at, name);
    switch (step.kind) {
      case PathStep::Kind::missing:
        return {at, false};
      case PathStep::Kind::directory:
        at = join(at, name);
        break;
      case PathStep::Kind::other:
        if (!rest.empty()) return {at, false};  // ENOTDIR
        at = join(at, name);
        break;
      case PathStep::Kind::link: {
        if (step.leads.empty() || ++links > kMostLinksOfPath) return {at, false};
        if (step.leads.front() == '/') at = "/";
        const std::deque<std::string> steps = components(step.leads);
        rest.insert(rest.begin(), steps.begin(), steps.end());
        break;
      }
    }
  }
  return {at, true};
}

std::string join(const std::string& directory, const std::string& name) {
  return directory == "/" ? directory + name : directory + '/' + name;
}

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

}  // namespace lookout
