#include "mutator/disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

namespace lookout::oracle {
namespace {

constexpr std::size_t kLongest = 4000;  // stays below PATH_MAX (4,096, with the final zero)

Descriptor open_step_by_step(int at, std::string_view path) {
  Descriptor directory;
  while (!path.empty()) {
    const std::string name(path.substr(0, path.find('/')));
    if (name == "..") return Descriptor();
    Descriptor next(::openat(directory ? directory.get() : at, name.c_str(),
                             O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!next) return Descriptor();
    directory = std::move(next);
    path.remove_prefix(std::min(name.size() + 1, path.size()));
  }
  return directory;
}

// Never through a symbolic link: a mutator whose path has come to lead through one, since another
// put it there, would change what is outside of its workspace.
Descriptor open_parent(int at, const std::string& path) {
  open_how how{};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  long fd = ::syscall(SYS_openat2, at, path.c_str(), &how, sizeof how);
  if (fd < 0 && (errno == ENOSYS || errno == EPERM)) return open_step_by_step(at, path);
  return Descriptor(static_cast<int>(fd));
}

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

void Descriptor::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

Descriptor open_directory(int at, const std::string& path) {
  return Descriptor(::openat(at, path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

Place::Place(int base, std::string_view path) : at_(base) {
  std::size_t slash = path.rfind('/');
  while (at_ >= 0 && slash != std::string_view::npos) {
    const std::size_t cut = slash > kLongest ? path.rfind('/', kLongest) : slash;
    Descriptor next = open_parent(at_, std::string(path.substr(0, cut)));
    held_ = std::move(next);
    at_ = held_.get();
    path.remove_prefix(cut + 1);
    slash = path.rfind('/');
  }
  name_ = path;
  if (name_ == "..") at_ = -1;
}

void remove_tree(int at, const std::string& name) {
  if (::unlinkat(at, name.c_str(), 0) == 0) return;
  if (Descriptor dir = open_directory(at, name)) {
    std::vector<std::string> names;
    if (DIR* stream = ::fdopendir(::openat(dir.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC))) {
      while (const dirent* entry = ::readdir(stream)) {
        if (std::strcmp(entry->d_name, ".") != 0 && std::strcmp(entry->d_name, "..") != 0)
          names.emplace_back(entry->d_name);
      }
      ::closedir(stream);
    }
    for (const std::string& child : names) remove_tree(dir.get(), child);
  }
  ::unlinkat(at, name.c_str(), AT_REMOVEDIR);
}

}  // namespace lookout::oracle
