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
  alignas(8) std::array<char, 32768> buffer;
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

void descend(SnapshotNode& node, int fd, const std::string& what, Vanished vanished) {
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
      descend(*child, below.get(), what + '/' + name, vanished);
    }
    node.children.emplace(std::move(name), std::move(child));
  }
}

}  // namespace

std::unique_ptr<SnapshotNode> walk(const std::string& root, Vanished vanished) {
  auto node = std::make_unique<SnapshotNode>();
  Descriptor fd = open_directory(AT_FDCWD, root);
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) < 0) fail(root);
  fill(*node, status);
  descend(*node, fd.get(), root, vanished);
  return node;
}

}  // namespace lookout::oracle
