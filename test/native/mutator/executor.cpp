#include "mutator/executor.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <string>
#include <system_error>
#include <thread>

namespace lookout::oracle {
namespace {

// Not blocking: another writer may have put a fifo there.
constexpr int kOpen = O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;

int outcome(int result) {
  return result < 0 ? errno : 0;
}

// A watcher that waits for writers (watch/disk/writers.h) holds a lease on a file for a moment.
Descriptor open_to_write(const Place& place, int flags) {
  int fd = -1;
  do {
    fd = ::openat(place.at(), place.name(), kOpen | flags, 0644);
  } while (fd < 0 && errno == EWOULDBLOCK);
  return Descriptor(fd);
}

int write_bytes(int fd, std::uint64_t bytes) {
  static const std::string content(4096, 'x');
  while (bytes > 0) {
    ssize_t written = ::write(fd, content.data(), std::min<std::uint64_t>(bytes, content.size()));
    if (written < 0) return errno;
    bytes -= static_cast<std::uint64_t>(written);
  }
  return 0;
}

int pause_for(std::uint64_t microseconds) {
  timespec time{.tv_sec = static_cast<time_t>(microseconds / 1'000'000),
                .tv_nsec = static_cast<long>(microseconds % 1'000'000 * 1000)};
  return outcome(::nanosleep(&time, nullptr));
}

int make_files(int directory, const std::string& prefix, std::uint64_t count, std::uint64_t bytes) {
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string name = prefix + std::to_string(i);
    Descriptor file(::openat(directory, name.c_str(), kOpen | O_CREAT | O_TRUNC, 0644));
    if (!file) return errno;
    if (int error = write_bytes(file.get(), bytes)) return error;
  }
  return 0;
}

int set_mtime(const Place& place, std::uint64_t seconds) {
  timespec time{.tv_sec = static_cast<time_t>(seconds), .tv_nsec = 0};
  timespec times[2] = {time, time};
  return outcome(::utimensat(place.at(), place.name(), times, AT_SYMLINK_NOFOLLOW));
}

// Over an open directory. By default anybody may write to a tmpfs, and a repository that is one is
// not trusted.
int mount_tmpfs(const Descriptor& directory) {
  if (!directory || ::fchdir(directory.get()) < 0) return errno;
  return outcome(::mount("lookout-oracle", ".", "tmpfs", 0, "mode=0755"));
}

}  // namespace

Executor::Executor(const std::string& workspace)
    : path_(workspace), workspace_(open_directory(AT_FDCWD, workspace)) {
  if (!workspace_) throw std::system_error(errno, std::generic_category(), workspace);
}

std::unique_ptr<SnapshotNode> Executor::look() const {
  return walk(workspace_.get(), path_, Vanished::skip);
}

int Executor::write_to(const Place& place, int flags, std::uint64_t bytes) {
  Descriptor file = open_to_write(place, flags);
  if (!file) return errno;
  return write_bytes(file.get(), bytes);
}

int Executor::write_text(const Place& place, const std::string& text) {
  Descriptor file = open_to_write(place, O_CREAT | O_TRUNC);
  return file ? outcome(static_cast<int>(::write(file.get(), text.data(), text.size()))) : errno;
}

int Executor::flood(const Operation& operation) {
  Place first(workspace_.get(), operation.path);
  Place second(workspace_.get(), operation.path + "2");
  write_to(first, O_CREAT, 0);
  write_to(second, O_CREAT, 0);
  for (std::uint64_t i = 0; i < operation.number; ++i) {
    const Place& place = i % 2 == 0 ? first : second;
    if (::fchmodat(place.at(), place.name(), i % 4 < 2 ? 0600 : 0644, AT_SYMLINK_NOFOLLOW) < 0)
      return errno;
  }
  return 0;
}

int Executor::link_tmpfile(const Place& place, std::uint64_t bytes) {
  Descriptor file(::openat(place.at(), ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644));
  if (!file) return errno;
  if (int error = write_bytes(file.get(), bytes)) return error;
  std::string self = "/proc/self/fd/" + std::to_string(file.get());
  if (::linkat(AT_FDCWD, self.c_str(), place.at(), place.name(), AT_SYMLINK_FOLLOW) < 0)
    return errno;
  return write_bytes(file.get(), bytes);
}

int Executor::fill(const Place& place, std::uint64_t count) {
  if (::mkdirat(place.at(), place.name(), 0755) < 0) return errno;
  Descriptor directory = open_directory(place.at(), place.name());
  return directory ? make_files(directory.get(), "m", count, 0) : errno;
}

int Executor::move_busy(const Operation& operation) {
  Place place(workspace_.get(), operation.path);
  Place target(workspace_.get(), operation.other);
  Descriptor directory = open_directory(place.at(), place.name());
  if (!directory) return errno;
  int written = 0;
  std::thread writer([&] { written = make_files(directory.get(), "busy", operation.number, 100); });
  const int moved = outcome(::renameat2(place.at(), place.name(), target.at(), target.name(), 0));
  writer.join();
  return moved != 0 ? moved : written;
}

// Relative to the working directory, so that no path is too long for mount(2); and in it, since
// that would follow a symbolic link, perhaps to the whole workspace.
int Executor::mount_over(const Place& place) {
  Descriptor directory = open_directory(place.at(), place.name());
  return mount_tmpfs(directory);
}

// By descriptors: open_tree(2) copies the mount of one, move_mount(2) mounts the copy at the other.
// No path is followed, so none leads through a symbolic link.
int Executor::bind(const Operation& operation) {
  constexpr int kFlags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
  Place target(workspace_.get(), operation.path);
  Place source(workspace_.get(), operation.other);
  Descriptor shown(::openat(source.at(), source.name(), kFlags));
  if (!shown) return errno;
  Descriptor hidden(::openat(target.at(), target.name(), kFlags));
  if (!hidden) return errno;
  Descriptor copy(
      ::open_tree(shown.get(), "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH));
  if (!copy) return errno;
  return outcome(::move_mount(copy.get(), "", hidden.get(), "",
                              MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH));
}

int Executor::unmount(const Place& place) {
  if (::fchdir(place.at()) < 0) return errno;
  return outcome(::umount2(place.name(), MNT_DETACH | UMOUNT_NOFOLLOW));
}

// The roots are watched by a path through this name beside the workspace, a link to it.
int Executor::replace_parent(std::uint64_t kind) {
  constexpr const char* kParent = "../parent";
  if (::renameat(workspace_.get(), kParent, workspace_.get(), "../parent.away") < 0) return errno;
  switch (kind) {
    case 0:
      return 0;
    case 1:
      return outcome(::mknodat(workspace_.get(), kParent, S_IFREG | 0644, 0));
    case 2: {
      const int made = ::mknodat(workspace_.get(), "../file", S_IFREG | 0644, 0);
      if (made < 0 && errno != EEXIST) return errno;
      return outcome(::symlinkat("file", workspace_.get(), kParent));
    }
    case 3:
      return outcome(::symlinkat("parent", workspace_.get(), kParent));
    case 6: {
      if (::mkdirat(workspace_.get(), kParent, 0755) < 0) return errno;
      const Descriptor directory = open_directory(workspace_.get(), kParent);
      return mount_tmpfs(directory);
    }
    default:
      return outcome(::mkdirat(workspace_.get(), kParent, kind == 4 ? 0755 : 0));
  }
}

int Executor::restore_parent() {
  constexpr const char* kParent = "../parent";
  // EINVAL where it is no mount point.
  if (::fchdir(workspace_.get()) < 0 || (::umount2(kParent, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 &&
                                         errno != EINVAL && errno != ENOENT)) {
    return errno;
  }
  if (::unlinkat(workspace_.get(), kParent, 0) < 0 && errno == EISDIR &&
      ::unlinkat(workspace_.get(), kParent, AT_REMOVEDIR) < 0) {
    return errno;
  }
  return outcome(::renameat(workspace_.get(), "../parent.away", workspace_.get(), kParent));
}

int Executor::run(const Operation& operation) {
  Place place(workspace_.get(), operation.path);
  const int at = place.at();
  const char* name = place.name();
  const std::uint64_t number = operation.number;
  switch (operation.verb) {
    case Verb::mkdir:
      return outcome(::mkdirat(at, name, 0755));
    case Verb::write:
      return write_to(place, O_CREAT | O_TRUNC, number);
    case Verb::append:
      return write_to(place, O_APPEND, number);
    case Verb::overwrite:
      return write_to(place, 0, number);
    case Verb::truncate: {
      Descriptor file = open_to_write(place, 0);
      return file ? outcome(::ftruncate(file.get(), static_cast<off_t>(number))) : errno;
    }
    case Verb::chmod:
      return outcome(::fchmodat(at, name, static_cast<mode_t>(number), AT_SYMLINK_NOFOLLOW));
    case Verb::utimes:
      return set_mtime(place, number);
    case Verb::unlink:
      return outcome(::unlinkat(at, name, 0));
    case Verb::rmdir:
      return outcome(::unlinkat(at, name, AT_REMOVEDIR));
    case Verb::rename:
    case Verb::exchange: {
      Place target(workspace_.get(), operation.other);
      unsigned flags = operation.verb == Verb::exchange ? RENAME_EXCHANGE : 0;
      return outcome(::renameat2(at, name, target.at(), target.name(), flags));
    }
    case Verb::link: {
      Place target(workspace_.get(), operation.other);
      return outcome(::linkat(at, name, target.at(), target.name(), 0));
    }
    case Verb::symlink:
      return outcome(::symlinkat(operation.other.c_str(), at, name));
    case Verb::lead:
      return outcome(::symlinkat((path_ + '/' + operation.other).c_str(), at, name));
    case Verb::rules:
      return write_text(place, operation.other);
    case Verb::fifo:
      return outcome(::mkfifoat(at, name, 0644));
    case Verb::socket:
      return outcome(::mknodat(at, name, S_IFSOCK | 0644, 0));
    case Verb::tmpfile:
      return link_tmpfile(place, number);
    case Verb::hold:
      held_ = open_to_write(place, O_APPEND);
      return held_ ? 0 : errno;
    case Verb::hold_write:
      return held_ ? write_bytes(held_.get(), number) : EBADF;
    case Verb::hold_close:
      held_.close();
      return 0;
    case Verb::fill:
      return fill(place, number);
    case Verb::move_busy:
      return move_busy(operation);
    case Verb::mount:
      return mount_over(place);
    case Verb::bind:
      return bind(operation);
    case Verb::umount:
      return unmount(place);
    case Verb::replace_parent:
      return replace_parent(number);
    case Verb::restore_parent:
      return restore_parent();
    case Verb::pause:
      return pause_for(number);
    case Verb::flood:
      return flood(operation);
    case Verb::stall:
    case Verb::resume:
    case Verb::rest:
      return 0;
  }
  return EINVAL;
}

}  // namespace lookout::oracle
