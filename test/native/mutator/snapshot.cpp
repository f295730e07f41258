#include "mutator/snapshot.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
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

std::int64_t nanoseconds(const timespec& time) {
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

void fill(SnapshotNode& node, const struct stat& status) {
  node.type = type_of(status.st_mode);
  node.device = status.st_dev;
  node.inode = status.st_ino;
  node.size = static_cast<std::uint64_t>(status.st_size);
  node.mtime_ns = nanoseconds(status.st_mtim);
  node.ctime_ns = nanoseconds(status.st_ctim);
  node.mode = status.st_mode;
}

std::vector<std::string> names_in(int fd, const std::string& what, Vanished vanished) {
  constexpr std::size_t kInode = sizeof(std::uint64_t);
  constexpr std::size_t kLength = 2 * kInode;     // offset of d_reclen in linux_dirent64
  constexpr std::size_t kName = kLength + 2 + 1;  // offset of d_name
  std::vector<std::string> names;
  std::vector<char> buffer(32768);  // not on the stack: trees are deep
  for (;;) {
    long got = ::syscall(SYS_getdents64, fd, buffer.data(), buffer.size());
    if (got < 0 && vanished == Vanished::fail) fail(what);
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

void descend(SnapshotNode& node, int fd, const std::string& what, Vanished vanished,
             Beyond* beyond);

// Notes where the symbolic link `name` leads, if that is a directory, and what is there.
void look_beyond(SnapshotNode& link, int fd, const std::string& name, const std::string& what,
                 Beyond& beyond) {
  Descriptor target(::openat(fd, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat status {};
  if (!target || ::fstat(target.get(), &status) < 0) return;
  link.leads_to = FileId{status.st_dev, status.st_ino};
  auto [place, added] = beyond.try_emplace(*link.leads_to);
  if (!added) return;
  place->second = std::make_unique<SnapshotNode>();
  SnapshotNode& found = *place->second;
  fill(found, status);
  descend(found, target.get(), what, Vanished::fail, &beyond);
}

void descend(SnapshotNode& node, int fd, const std::string& what, Vanished vanished,
             Beyond* beyond) {
  for (std::string& name : names_in(fd, what, vanished)) {
    struct stat status {};
    if (::fstatat(fd, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) < 0) {
      if (vanished == Vanished::skip) continue;
      fail(what + '/' + name);
    }
    auto child = std::make_unique<SnapshotNode>();
    fill(*child, status);
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
  auto node = std::make_unique<SnapshotNode>();
  Descriptor fd = open_directory(AT_FDCWD, root);
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) < 0) fail(root);
  fill(*node, status);
  descend(*node, fd.get(), root, vanished, beyond);
  return node;
}

}  // namespace lookout::oracle
