#include "snapshot/directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>
#include <utility>

namespace lookout {
namespace {

constexpr const char* kLock = "lock";
constexpr std::string_view kNew = ".new";
constexpr std::string_view kPrefix = "snapshot-";  // as the Elixir side names them
constexpr std::size_t kMaxName = 200;
constexpr int kMaxLevels = 4096;
constexpr const char* kLinkRefused =
    "this is a symbolic link, which is not followed in a directory of cursors; remove it, or "
    "choose another directory";

std::vector<std::pair<std::uint64_t, std::uint64_t>> directories_above(int fd) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> above;
  UniqueFd at(::openat(fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  for (int level = 0; at && level < kMaxLevels; ++level) {
    struct stat seen {};
    if (::fstat(at.get(), &seen) != 0) break;
    const std::pair<std::uint64_t, std::uint64_t> identity{seen.st_dev, seen.st_ino};
    if (!above.empty() && above.back() == identity) break;  // the parent of / is /
    above.push_back(identity);
    at = UniqueFd(::openat(at.get(), "..", O_PATH | O_DIRECTORY | O_CLOEXEC));
  }
  return above;
}

// What a save of an earlier watcher has left that was killed.
void remove_unfinished(int fd) {
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(
      ::fdopendir(::openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)), ::closedir);
  if (!listing) return;
  // readdir(3) is safe for a stream of one thread. NOLINTNEXTLINE(concurrency-mt-unsafe)
  while (const dirent* entry = ::readdir(listing.get())) {
    const std::string_view name(entry->d_name);
    if (name.starts_with(kPrefix) && name.ends_with(kNew)) ::unlinkat(fd, entry->d_name, 0);
  }
}

}  // namespace

bool is_snapshot_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxName && name != "." && name != ".." && name != kLock &&
         !name.ends_with(kNew) && name.find('/') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos;
}

Result<SnapshotDirectory> SnapshotDirectory::open(const std::string& path) {
  SnapshotDirectory directory;
  directory.path_ = path;
  directory.fd_ = UniqueFd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.fd_) return errno_error(errno, "open", path);
  directory.lock_ = UniqueFd(::openat(
      directory.fd_.get(), kLock, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600));
  if (!directory.lock_) {
    Error error = errno_error(errno, "open", directory.path_of(kLock));
    if (errno == ELOOP) error.detail = kLinkRefused;
    if (errno == ENOSPC) error.detail = "the file system is full; free some space on it";
    if (errno == EACCES || errno == EROFS) {
      error.detail =
          "the directory of cursors cannot be written; let the user that runs Lookout "
          "write to it, or choose another one";
    }
    return error;
  }
  while (::flock(directory.lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return errno_error(errno, "flock", directory.path_of(kLock));
    return Error{"locked",
                 "open",
                 path,
                 "another watcher uses this directory of cursors; stop it, or choose another "
                 "directory",
                 0,
                 Cause::locked};
  }
  remove_unfinished(directory.fd_.get());
  directory.above_ = directories_above(directory.fd_.get());
  return directory;
}

Result<SnapshotDecoder::Source> SnapshotDirectory::read(const std::string& name) const {
  const std::string path = path_of(name);
  auto file = std::make_shared<UniqueFd>(
      ::openat(fd_.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!*file && errno == ENOENT) {
    return Error{
        "unknown_cursor", "load", path,
        "there is no snapshot of this cursor; it was committed away or never saved, so use "
        "a later one, or start again with on_bad_cursor: :restart"};
  }
  if (!*file && errno == ELOOP) return Error{errno_name(ELOOP), "load", path, kLinkRefused};
  if (!*file) return errno_error(errno, "load", path);
  struct stat seen {};
  if (::fstat(file->get(), &seen) != 0) return errno_error(errno, "load", path);
  if (!S_ISREG(seen.st_mode)) {
    return Error{"bad_snapshot", "load", path,
                 "this is no regular file; name the snapshot of a cursor"};
  }
  return [file, path](char* bytes, std::size_t size) -> Result<std::size_t> {
    for (;;) {
      const ssize_t got = ::read(file->get(), bytes, size);
      if (got >= 0) return static_cast<std::size_t>(got);
      if (errno != EINTR) return errno_error(errno, "load", path);
    }
  };
}

}  // namespace lookout
