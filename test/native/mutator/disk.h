// Raw access to the disk, relative to open directories, so that no path is too long. Nothing here
// knows the engine: what judges must not share code with what is judged.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace lookout::oracle {

// An open descriptor, closed with its owner.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(); }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void close();

 private:
  int fd_ = -1;
};

// Opens a directory; not open where that failed (errno says why).
Descriptor open_directory(int at, const std::string& path);

// A place for the *at() calls: the last part of a path and its directory. The path may be longer
// than PATH_MAX, and never leads through a symbolic link or out of `base`.
class Place {
 public:
  Place(int base, std::string_view path);
  // -1 where a directory on the way could not be opened: every call on it fails with EBADF.
  int at() const { return at_; }
  const char* name() const { return name_.c_str(); }

 private:
  Descriptor held_;
  int at_;
  std::string name_;
};

// Removes what stands under a name, with all below it.
void remove_tree(int at, const std::string& name);

}  // namespace lookout::oracle
