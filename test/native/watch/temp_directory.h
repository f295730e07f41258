// A directory of a test's own, and what programs do to the entries below it. Every function throws
// std::system_error where the system refuses.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace lookout {

class TempDirectory {
 public:
  TempDirectory();
  ~TempDirectory();  // removes it and all below, however deep
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  const std::string& path() const { return path_; }
  // The absolute path of a name below; names may lead through several directories.
  std::string at(std::string_view name) const { return path_ + '/' + std::string(name); }

  void directory(std::string_view name) const;  // with its parents
  // Writes from the beginning, making the file where there is none.
  void write(std::string_view name, std::string_view content = {}) const;
  void append(std::string_view name, std::string_view content) const;
  // As editors save: another file is written and renamed over this one.
  void save(std::string_view name, std::string_view content) const;
  void move(std::string_view from, std::string_view to) const;
  void exchange(std::string_view one, std::string_view other) const;
  void link(std::string_view existing, std::string_view name) const;
  void symlink(std::string_view target, std::string_view name) const;
  void remove(std::string_view name) const;  // a directory with all below
  void set_mode(std::string_view name, mode_t mode) const;
  std::uint64_t inode(std::string_view name) const;
  bool exists(std::string_view name) const;

 private:
  std::string path_;
};

// Acts as a user without privileges while it lives, if root runs the tests; permissions do not
// bind root.
class Unprivileged {
 public:
  Unprivileged();
  ~Unprivileged();
  // Whether such a user can get at this directory at all; a test must be skipped where not.
  static bool reaches(const std::string& directory);
  Unprivileged(const Unprivileged&) = delete;
  Unprivileged& operator=(const Unprivileged&) = delete;

 private:
  uid_t before_;
};

}  // namespace lookout
