#include "mutator/snapshot.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>
#include <vector>

#include "mutator/disk.h"

namespace lookout::oracle {
namespace {

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), "walking " + what);
}

FileType type_of(mode_t mode) {
  if (S_ISREG(mode)) return FileType::file;
  if (S_ISDIR(mode)) return FileType::directory;
  return S_ISLNK(mode) ? FileType::symlink : FileType::other;
}

std::int64_t nanoseconds(const statx_timestamp& time) {
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

// The entry `name` of a directory that is open, or with an empty name that directory.
bool fill(SnapshotNode& node, int fd, const std::string& name) {
  struct statx status {};
  const int flags = AT_SYMLINK_NOFOLLOW | (name.empty() ? AT_EMPTY_PATH : 0);
  if (::statx(fd, name.c_str(), flags, STATX_BASIC_STATS, &status) < 0) return false;
  node.type = type_of(status.stx_mode);
  node.device = makedev(status.stx_dev_major, status.stx_dev_minor);
  node.inode = status.stx_ino;
  node.size = status.stx_size;
  node.mtime_ns = nanoseconds(status.stx_mtime);
  node.ctime_ns = nanoseconds(status.stx_ctime);
  node.mode = status.stx_mode;
  node.mounted = (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
  return true;
}

std::uint64_t mount_of(int fd) {
  struct statx status {};
  if (::statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &status) < 0) return 0;
  return (status.stx_mask & STATX_MNT_ID) != 0 ? status.stx_mnt_id : 0;
}

std::vector<std::string> names_in(int fd, const std::string& what, Vanished vanished) {
  constexpr std::size_t kInode = sizeof(std::uint64_t);
  constexpr std::size_t kLength = 2 * kInode;     // offset of d_reclen in linux_dirent64
  constexpr std::size_t kName = kLength + 2 + 1;  // offset of d_name
  std::vector<std::string> names;
  std::vector<char> buffer(32768);  // not on the stack: trees are deep
  for (;;) {
    long got = ::syscall(SYS_getdents64, fd, buffer.data(), buffer.size());
    // A directory that was removed but is mounted elsewhere is empty for ever.
    if (got < 0 && errno != ENOENT && vanished == Vanished::fail) fail(what);
    if (got <= 0) return names;
    for (std::size_t at = 0; at < static_cast<std::size_t>(got);) {
      std::uint16_t length = 0;
      std::memcpy(&length, buffer.data() + at + kLength, sizeof length);
      std::string name(buffer.data() + at + kName);
      if (name != "." && name != "..") names.push_back(std::move(name));
      at += length;
    }
  }
}

std::string content_of(int directory, const std::string& name) {
  Descriptor file(
      ::openat(directory, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  std::string content;
  std::array<char, 4096> buffer;
  for (ssize_t got = 0; file && (got = ::read(file.get(), buffer.data(), buffer.size())) > 0;)
    content.append(buffer.data(), static_cast<std::size_t>(got));
  return content;
}

// Of the entry .git of a directory.
bool begins_repository(int fd, FileType type) {
  if (type == FileType::directory) return true;
  struct stat target {};
  return type == FileType::symlink &&
         (::fstatat(fd, ".git", &target, 0) != 0 || S_ISDIR(target.st_mode));
}

void descend(SnapshotNode& node, int fd, const std::string& what, Vanished vanished,
             Beyond* beyond);

// Notes where the symbolic link `name` leads, if that is a directory, and what is there.
void look_beyond(SnapshotNode& link, int fd, const std::string& name, const std::string& what,
                 Beyond& beyond) {
  Descriptor target(::openat(fd, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  auto status = std::make_unique<SnapshotNode>();
  if (!target || !fill(*status, target.get(), "")) return;
  link.leads_to = View{status->id(), mount_of(target.get())};
  auto [place, added] = beyond.try_emplace(*link.leads_to);
  if (!added) return;
  place->second = std::move(status);
  SnapshotNode& found = *place->second;
  descend(found, target.get(), what, Vanished::fail, &beyond);
}

void descend(SnapshotNode& node, int fd, const std::string& what, Vanished vanished,
             Beyond* beyond) {
  for (std::string& name : names_in(fd, what, vanished)) {
    auto child = std::make_unique<SnapshotNode>();
    if (!fill(*child, fd, name)) {
      if (vanished == Vanished::skip) continue;
      fail(what + '/' + name);
    }
    if (name == ".git") child->begins_repository = begins_repository(fd, child->type);
    if (child->type == FileType::directory) {
      Descriptor below = open_directory(fd, name);
      if (!below && vanished == Vanished::skip) continue;
      if (!below) fail(what + '/' + name);
      descend(*child, below.get(), what + '/' + name, vanished, beyond);
    } else if (child->type == FileType::symlink && beyond) {
      look_beyond(*child, fd, name, what + '/' + name, *beyond);
    } else if (child->type == FileType::file && (name == ".gitignore" || name == "exclude")) {
      child->rules = content_of(fd, name);
    }
    node.children.emplace(std::move(name), std::move(child));
  }
}

}  // namespace

std::unique_ptr<SnapshotNode> walk(const std::string& root, Vanished vanished, Beyond* beyond) {
  const Descriptor directory = open_directory(AT_FDCWD, root);
  if (!directory) fail(root);
  return walk(directory.get(), root, vanished, beyond);
}

std::unique_ptr<SnapshotNode> walk(int directory, const std::string& name, Vanished vanished,
                                   Beyond* beyond) {
  // Opened anew: the position in a directory belongs to the open file.
  const Descriptor fd = open_directory(directory, ".");
  auto node = std::make_unique<SnapshotNode>();
  if (!fd || !fill(*node, fd.get(), "")) fail(name);
  descend(*node, fd.get(), name, vanished, beyond);
  return node;
}

}  // namespace lookout::oracle
