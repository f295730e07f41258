#include "watch/disk/confinement.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <memory>
#include <string_view>
#include <utility>

#include "support/fd_link.h"
#include "watch/disk/open_resolved.h"
#include "watch/disk/path_walk.h"

namespace lookout {
namespace {

constexpr int kDirectoryFlags = O_PATH | O_DIRECTORY | O_CLOEXEC;

// Directories that one path leads up: `../` for each is shorter than PATH_MAX.
constexpr std::size_t kMaxLevels = 1024;

struct Allowed {
  std::string given;
  std::string real;         // without symbolic links
  std::uint64_t mount = 0;  // which it was on at the start
};

struct Confinement {
  bool active = false;
  std::vector<Allowed> directories;
};

Confinement& confinement() {
  static Confinement current;
  return current;
}

bool is_in(std::string_view path, std::string_view directory) {
  if (directory == "/" || path == directory) return true;
  return path.size() > directory.size() && path.substr(0, directory.size()) == directory &&
         path[directory.size()] == '/';
}

// Does not leave the mount, which may be below one that hangs (since Linux 5.6).
UniqueFd open_above(int fd, std::size_t levels) {
  std::string path;
  for (; levels > 0; --levels) path += "../";
  UniqueFd above = open_resolved(fd, path, kDirectoryFlags, RESOLVE_NO_XDEV);
  if (!above && lacks_openat2()) above.reset(::openat(fd, path.c_str(), kDirectoryFlags));
  return above;
}

// The path of an open file, or, where that is longer than the kernel tells (PATH_MAX), of the
// lowest directory above it that has a shorter one: nothing is allowed by a name below that. Empty
// for a file in such a directory, and where no directory of the same mount has a shorter path.
std::string place_of(int fd) {
  std::string path = path_of(fd);
  if (!path.empty() || errno != ENAMETOOLONG) return path;
  UniqueFd highest;  // of the directories whose path is known to be too long
  for (std::size_t levels = kMaxLevels; levels > 0;) {
    UniqueFd above = open_above(highest ? highest.get() : fd, levels);
    path = above ? path_of(above.get()) : std::string();
    if (above && path.empty() && errno == ENAMETOOLONG) {
      highest = std::move(above);
    } else {
      levels /= 2;
    }
  }
  return path;
}

// The mount that a file was opened through (since Linux 5.8; 0 before).
std::uint64_t mount_of_file(int fd) {
  struct statx seen {};
  if (::statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &seen) != 0) return 0;
  return (seen.stx_mask & STATX_MNT_ID) != 0 ? seen.stx_mnt_id : 0;
}

UniqueFd open_directory_path(const std::string& path) {
  return UniqueFd(::open(path.c_str(), kDirectoryFlags));
}

// The mount of an allowed directory now, as far as the kernel knows it without asking a file system
// (RESOLVE_CACHED, since Linux 5.12): one that hangs must not hold up the caller. Otherwise the
// mount at the start.
std::uint64_t mount_of_allowed(const Allowed& allowed) {
  const UniqueFd top = open_resolved(AT_FDCWD, allowed.real, kDirectoryFlags, RESOLVE_CACHED);
  return top ? mount_of_file(top.get()) : allowed.mount;
}

// Puts the components of a path in front of those that are left.
void prepend(std::string_view path, std::deque<std::string>& remaining) {
  std::deque<std::string> parts;
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/'), path.size());
    if (const auto part = path.substr(0, end); !part.empty() && part != ".") {
      parts.emplace_back(part);
    }
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  remaining.insert(remaining.begin(), parts.begin(), parts.end());
}

// Resolves a path from an allowed directory on, and opens nothing outside of one.
class Walk {
 public:
  AllowedPath run(const std::string& path) {
    if (!begin(path)) return std::move(result_);
    while (!remaining_.empty()) {
      const std::string name = std::exchange(remaining_.front(), {});
      remaining_.pop_front();
      if (links_ > 0 && ++linked_components_ > kMaxStepsOfPath) {
        fail(ELOOP);
        return std::move(result_);
      }
      if (!(name == ".." ? leave() : enter(name))) return std::move(result_);
    }
    result_.fd = std::move(open_.back());
    if (!is_allowed(result_.fd.get())) outside();
    return std::move(result_);
  }

 private:
  // Takes the allowed directory that an absolute path begins with.
  bool begin(const std::string& path) {
    const std::string* found = nullptr;
    for (const Allowed& allowed : confinement().directories) {
      for (const std::string* spelled : {&allowed.given, &allowed.real}) {
        const bool longer = found == nullptr || spelled->size() > found->size();
        if (is_in(path, *spelled) && longer) found = spelled;
      }
    }
    if (found == nullptr) return outside();
    open_.clear();
    open_.push_back(open_directory_path(*found));
    if (!open_.back()) return fail(errno);
    prepend(std::string_view(path).substr(found->size()), remaining_);
    return true;
  }

  bool leave() {
    open_.pop_back();
    return !open_.empty() || outside();
  }

  bool enter(const std::string& name) {
    const int at = open_.back().get();
    UniqueFd next(::openat(at, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat seen {};
    if (!next || ::fstat(next.get(), &seen) != 0) return fail(errno);
    if (!S_ISLNK(seen.st_mode)) {
      open_.push_back(std::move(next));
      return true;
    }
    if (++links_ > kMaxLinksOfPath) return fail(ELOOP);
    const std::string target = link_target(next.get(), "");
    if (target.empty()) return fail(ENOENT);
    if (target.front() == '/') return begin(target);
    prepend(target, remaining_);
    return true;
  }

  bool fail(int code) {
    result_.code = code;
    return false;
  }

  bool outside() {
    result_.fd.reset();
    result_.outside = true;
    return fail(EACCES);
  }

  std::vector<UniqueFd> open_;  // from the allowed directory down
  std::deque<std::string> remaining_;
  int links_ = 0;
  int linked_components_ = 0;  // taken since the first link; each costs calls and a descriptor
  AllowedPath result_;
};

}  // namespace

std::optional<Error> confine(const std::vector<std::string>& directories) {
  std::vector<Allowed> allowed;
  for (std::string given : directories) {
    while (given.size() > 1 && given.back() == '/') given.pop_back();
    const UniqueFd fd = open_directory_path(given);
    const std::unique_ptr<char, decltype(&std::free)> real(::realpath(given.c_str(), nullptr),
                                                           std::free);
    if (!fd || !real) return errno_error(errno, "allow", given);
    allowed.push_back({std::move(given), real.get(), mount_of_file(fd.get())});
  }
  confinement() = {true, std::move(allowed)};
  return std::nullopt;
}

bool is_confined() {
  return confinement().active;
}

bool is_allowed(int fd) {
  if (!is_confined()) return true;
  const std::string path = place_of(fd);
  const auto& directories = confinement().directories;
  return std::any_of(directories.begin(), directories.end(), [&](const Allowed& allowed) {
    return !path.empty() && is_in(path, allowed.real) &&
           mount_of_allowed(allowed) == mount_of_file(fd);
  });
}

bool is_allowed_path(const std::string& path) {
  const auto& directories = confinement().directories;
  return !is_confined() ||
         std::any_of(directories.begin(), directories.end(),
                     [&](const Allowed& allowed) { return is_in(path, allowed.real); });
}

AllowedPath open_allowed(const std::string& path) {
  return Walk().run(path);
}

Error not_allowed(const std::string& path) {
  return Error{"not_allowed",
               "open",
               path,
               "this path is not in a directory that the node allows to watch (--allow)",
               0,
               Cause::outside};
}

}  // namespace lookout
