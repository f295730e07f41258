#include "watch/disk/safe_file.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <utility>

#include "support/fd_link.h"
#include "watch/disk/confinement.h"
#include "watch/disk/open_resolved.h"
#include "watch/disk/path_walk.h"

namespace lookout {
namespace {

constexpr int kPathFlags = O_PATH | O_CLOEXEC;

SafePath failed(int code) {
  SafePath path;
  path.code = code;
  return path;
}

SafePath open_entry(int directory_fd, const std::string& name, int flags) {
  SafePath opened;
  opened.fd.reset(::openat(directory_fd, name.c_str(), kPathFlags | flags));
  if (!opened.fd || ::fstat(opened.fd.get(), &opened.seen) != 0) opened.code = errno;
  return opened;
}

// For a component that is not the last, O_DIRECTORY makes autofs(5) mount its file system.
SafePath open_component(int directory_fd, const std::string& name, bool last) {
  if (!last) {
    SafePath directory = open_entry(directory_fd, name, O_NOFOLLOW | O_DIRECTORY);
    if (directory.code != ENOTDIR) return directory;
  }
  return open_entry(directory_fd, name, O_NOFOLLOW);
}

// Returns the component of a path at `position`, and moves that to its end; empty if there is none.
std::string take_component(const std::string& path, std::size_t& position) {
  const std::size_t begin = std::min(path.find_first_not_of('/', position), path.size());
  position = std::min(path.find('/', begin), path.size());
  return path.substr(begin, position - begin);
}

// Uses openat2(2). Without it, opens component by component and follows no link.
SafePath open_safely(int directory_fd, const std::string& path, std::uint64_t resolve) {
  SafePath opened;
  opened.fd = open_resolved(directory_fd, path, kPathFlags, resolve);
  if (!opened.fd && lacks_openat2()) {
    opened = open_path(directory_fd, path, [](const SafePath&) { return false; });
    return S_ISLNK(opened.seen.st_mode) ? failed(ELOOP) : std::move(opened);
  }
  if (!opened.fd || ::fstat(opened.fd.get(), &opened.seen) != 0) opened.code = errno;
  return opened;
}

}  // namespace

SafePath open_path(int directory_fd, const std::string& path, Links links) {
  switch (links) {
    case Links::none:
      return open_entry(directory_fd, path, O_NOFOLLOW);
    case Links::refused:
      return open_safely(directory_fd, path, RESOLVE_NO_SYMLINKS);
    case Links::beneath:
      return open_safely(directory_fd, path, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
    case Links::all:
      break;
  }
  return open_entry(directory_fd, path, 0);
}

SafePath open_path(int directory_fd, const std::string& path, const Follows& follows) {
  if (path.empty()) return failed(ENOENT);
  if (path.size() >= PATH_MAX) return failed(ENAMETOOLONG);
  std::string remaining = path;
  std::size_t position = 0;
  int components = 0;  // since the first link; before, the path is shorter than PATH_MAX
  SafePath at = open_entry(directory_fd, path.front() == '/' ? "/" : ".", 0);
  for (int links = 0; at.code == 0;) {
    const std::string name = take_component(remaining, position);
    if (name.empty()) break;
    if (links > 0 && ++components > kMaxStepsOfPath) return failed(ELOOP);
    SafePath next = open_component(at.fd.get(), name, position == remaining.size());
    if (!S_ISLNK(next.seen.st_mode)) {
      at = std::move(next);
      continue;
    }
    if (!follows(next)) return next;
    if (++links > kMaxLinksOfPath) return failed(ELOOP);
    const std::string target = target_of(next);
    if (target.empty()) return failed(ENOENT);
    if (target.front() == '/') at = open_entry(AT_FDCWD, "/", 0);
    remaining.replace(0, position, target);
    position = 0;
  }
  return at;
}

std::string target_of(const SafePath& link) {
  return link_target(link.fd.get(), "");
}

UniqueFd open_to_read(const SafePath& file) {
  if (file.code != 0 || !S_ISREG(file.seen.st_mode)) return {};
  const std::string path = fd_link(file.fd.get());
  return UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
}

SafeText read_text(const SafePath& file, std::size_t most) {
  if (file.code != 0) return {{}, file.code};
  if (!S_ISREG(file.seen.st_mode) || !is_allowed(file.fd.get())) return {};
  const UniqueFd fd = open_to_read(file);
  // Without /proc this fails with ENOENT, but the file is not missing.
  if (!fd) return {{}, errno == ENOENT ? ENOSYS : errno};
  std::string text(most + 1, '\0');
  std::size_t filled = 0;
  while (filled < text.size()) {
    const ssize_t got = ::read(fd.get(), text.data() + filled, text.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return {{}, errno};
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  if (filled > most) return {{}, EFBIG};
  text.resize(filled);
  text.shrink_to_fit();
  return {std::move(text), 0};
}

}  // namespace lookout
