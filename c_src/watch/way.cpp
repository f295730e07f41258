#include "watch/way.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <deque>
#include <sstream>

namespace lookout {
namespace {

constexpr int kMostWayLinks = 40;  // as in path_resolution(7); then ELOOP

std::deque<std::string> components(const std::string& path) {
  std::deque<std::string> parts;
  std::istringstream stream(path);
  for (std::string part; std::getline(stream, part, '/');) {
    if (!part.empty() && part != ".") parts.push_back(part);
  }
  return parts;
}

}  // namespace

WayStep step_to(const std::string& path) {
  struct stat seen {};
  if (::lstat(path.c_str(), &seen) != 0) return {WayStep::Kind::missing, {}};
  if (S_ISDIR(seen.st_mode)) return {WayStep::Kind::directory, {}};
  if (!S_ISLNK(seen.st_mode)) return {WayStep::Kind::other, {}};
  std::array<char, PATH_MAX> target{};
  const ssize_t length = ::readlink(path.c_str(), target.data(), target.size());
  if (length <= 0) return {WayStep::Kind::link, {}};
  return {WayStep::Kind::link, std::string(target.data(), static_cast<std::size_t>(length))};
}

WayEnd walk(const std::string& path,
            const std::function<WayStep(const std::string& at, const std::string& name)>& take) {
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
    const WayStep step = take(at, name);
    switch (step.kind) {
      case WayStep::Kind::missing:
        return {at, false};
      case WayStep::Kind::directory:
        at = join(at, name);
        break;
      case WayStep::Kind::other:
        if (!rest.empty()) return {at, false};  // ENOTDIR
        at = join(at, name);
        break;
      case WayStep::Kind::link: {
        if (step.leads.empty() || ++links > kMostWayLinks) return {at, false};
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
