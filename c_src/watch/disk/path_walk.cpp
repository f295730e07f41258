#include "watch/disk/path_walk.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <deque>
#include <sstream>

namespace lookout {
namespace {

constexpr int kMostLinksOfPath = 40;  // as in path_resolution(7); then ELOOP
// Over all links: 40 targets may have 80,000 components, and each costs calls by a path that is as
// long as the components before it. So a resolution takes about ten milliseconds at most.
constexpr int kMostStepsOfPath = 400;

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
  std::array<char, PATH_MAX> target{};
  const ssize_t length = ::readlinkat(fd, path.c_str(), target.data(), target.size());
  if (length <= 0) return {PathStep::Kind::link, {}};
  return {PathStep::Kind::link, std::string(target.data(), static_cast<std::size_t>(length))};
}

}  // namespace

PathStep step_to(const std::string& path) {
  return step_at(AT_FDCWD, path);
}

UniqueFd open_without_links(const std::string& path, int flags) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags);
  how.resolve = RESOLVE_NO_SYMLINKS;
  UniqueFd fd(static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof how)));
  // Without the call (before Linux 5.6, or by a seccomp filter) the kernel follows links.
  if (!fd && (errno == ENOSYS || errno == EPERM)) {
    fd.reset(::open(path.c_str(), flags));
  }
  return fd;
}

PathStep step_without_links_to(const std::string& path) {
  const UniqueFd fd = open_without_links(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  return fd ? step_at(fd.get(), "") : PathStep{PathStep::Kind::missing, {}, errno};
}

PathEnd walk(const std::string& path,
             const std::function<PathStep(const std::string& at, const std::string& name)>& take) {
  std::deque<std::string> rest = components(path);
  std::string at = "/";
  int links = 0;
  for (int steps = 0; !rest.empty(); ++steps) {
    if (steps == kMostStepsOfPath) return {at, false, true, ELOOP};
    const std::string name = rest.front();
    rest.pop_front();
    if (name == "..") {
      at = parent_of(at);
      continue;
    }
    const PathStep step = take(at, name);
    switch (step.kind) {
      case PathStep::Kind::missing:
        return {at, false, false, step.code};
      case PathStep::Kind::directory:
        at = join(at, name);
        break;
      case PathStep::Kind::other:
        if (!rest.empty()) return {at, false, false, ENOTDIR};
        at = join(at, name);
        break;
      case PathStep::Kind::link: {
        if (step.leads.empty()) return {at, false, false, ENOENT};
        if (++links > kMostLinksOfPath) return {at, false, false, ELOOP};
        if (step.leads.front() == '/') at = "/";
        const std::deque<std::string> target = components(step.leads);
        rest.insert(rest.begin(), target.begin(), target.end());
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
