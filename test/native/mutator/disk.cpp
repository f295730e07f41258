#include "mutator/disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <vector>

namespace lookout::oracle {
namespace {

constexpr std::size_t kLongest = 4000;  // stays below PATH_MAX (4,096, with the final zero)

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
  while (at_ >= 0 && path.size() > kLongest) {
    std::size_t cut = path.rfind('/', kLongest);
    Descriptor next = open_directory(at_, std::string(path.substr(0, cut)));
    held_ = std::move(next);
    at_ = held_.get();
    path.remove_prefix(cut + 1);
  }
  name_ = path;
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
