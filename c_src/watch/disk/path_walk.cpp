#include "watch/disk/path_walk.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <deque>
#include <sstream>

#include "support/fd_link.h"
#include "watch/disk/open_resolved.h"

namespace lookout {
namespace {

std::deque<std::string> components(const std::string& path) {
  std::deque<std::string> parts;
  std::istringstream stream(path);
  for (std::string part; std::getline(stream, part, '/');) {
    if (!part.empty() && part != ".") parts.push_back(part);
  }
  return parts;
}

// `path` is relative to the directory `fd`, or absolute; if it is empty, the entry is `fd` itself.
PathStep step_at(int fd, const std::string& path) {
  struct stat seen {};
  if (::fstatat(fd, path.c_str(), &seen, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0) {
    return {PathStep::Kind::missing, {}, errno};
  }
  if (S_ISDIR(seen.st_mode)) return {PathStep::Kind::directory, {}};
  if (!S_ISLNK(seen.st_mode)) return {PathStep::Kind::other, {}};
  return {PathStep::Kind::link, link_target(fd, path)};
}

}  // namespace

PathStep step_to(const std::string& path) {
  return step_at(AT_FDCWD, path);
}

UniqueFd open_without_links(const std::string& path, int flags) {
  UniqueFd fd = open_resolved(AT_FDCWD, path, flags, RESOLVE_NO_SYMLINKS);
  if (!fd && lacks_openat2()) fd.reset(::open(path.c_str(), flags));  // which follows links
  return fd;
}

PathStep step_without_links_to(const std::string& path) {
  const UniqueFd fd = open_without_links(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  return fd ? step_at(fd.get(), "") : PathStep{PathStep::Kind::missing, {}, errno};
}

PathEnd walk(const std::string& path,
             const std::function<PathStep(const std::string& at, const std::string& name)>& take) {
  std::deque<std::string> remaining = components(path);
  std::string at = "/";
  int links = 0;
  int steps = 0;
  while (!remaining.empty()) {
    if (steps == kMaxStepsOfPath) return {at, false, steps, true, ELOOP};
    ++steps;
    const std::string name = remaining.front();
    remaining.pop_front();
    if (name == "..") {
      at = parent_of(at);
      continue;
    }
    const PathStep step = take(at, name);
    switch (step.kind) {
      case PathStep::Kind::missing:
        return {at, false, steps, false, step.code};
      case PathStep::Kind::directory:
        at = join(at, name);
        break;
      case PathStep::Kind::other:
        if (!remaining.empty()) return {at, false, steps, false, ENOTDIR};
        at = join(at, name);
        break;
      case PathStep::Kind::link: {
        if (step.leads.empty()) return {at, false, steps, false, ENOENT};
        if (++links > kMaxLinksOfPath) return {at, false, steps, false, ELOOP};
        if (step.leads.front() == '/') at = "/";
        const std::deque<std::string> target = components(step.leads);
        remaining.insert(remaining.begin(), target.begin(), target.end());
        break;
      }
    }
  }
  return {at, true, steps};
}

std::string join(const std::string& directory, const std::string& name) {
  return directory == "/" ? directory + name : directory + '/' + name;
}

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

}  // namespace lookout
