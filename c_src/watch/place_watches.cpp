#include "watch/place_watches.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <deque>
#include <sstream>

namespace lookout {
namespace {

constexpr int kMostLinks = 40;  // as path_resolution(7): then ELOOP

std::deque<std::string> components(const std::string& path) {
  std::deque<std::string> parts;
  std::istringstream stream(path);
  for (std::string part; std::getline(stream, part, '/');) {
    if (!part.empty() && part != ".") parts.push_back(part);
  }
  return parts;
}

std::string parent_of(const std::string& directory) {
  const std::size_t slash = directory.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : directory.substr(0, slash);
}

}  // namespace

bool PlaceWatches::follow(const std::string& path) {
  bool more = false;
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
    const std::string next = at == "/" ? at + name : at + "/" + name;
    struct stat seen {};
    const bool exists = ::lstat(next.c_str(), &seen) == 0;
    if (!exists) {
      return add(at, &name) || more;
    }
    if (!S_ISLNK(seen.st_mode)) {
      // A directory tells itself when it goes; what stands in its place does not.
      more = add(at, S_ISDIR(seen.st_mode) ? nullptr : &name) || more;
      at = next;
      continue;
    }
    more = add(at, &name) || more;
    std::array<char, PATH_MAX> target{};
    const ssize_t length = ::readlink(next.c_str(), target.data(), target.size());
    if (length <= 0 || ++links > kMostLinks) return more;
    const std::string leads(target.data(), static_cast<std::size_t>(length));
    if (leads.front() == '/') at = "/";
    const std::deque<std::string> steps = components(leads);
    rest.insert(rest.begin(), steps.begin(), steps.end());
  }
  return more;
}

bool PlaceWatches::concerns(const Hint& hint) const {
  const auto place = places_.find(hint.watch);
  if (place == places_.end()) return false;
  if (hint.name.empty()) return hint.ended || (hint.hints & hint::kRootGone) != 0;
  return (hint.hints & hint::kPlace) != 0 && place->second.contains(std::string(hint.name));
}

bool PlaceWatches::add(const std::string& directory, const std::string* name) {
  const int watch = source_.watch_place(directory.c_str(), name != nullptr);
  if (watch < 0) return false;
  const auto [place, added] = places_.try_emplace(watch);
  const bool new_name = name != nullptr && place->second.insert(*name).second;
  return added || new_name;
}

}  // namespace lookout
