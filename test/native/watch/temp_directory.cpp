#include "watch/temp_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <vector>

#include "support/unique_fd.h"

namespace lookout {
namespace {

constexpr uid_t kNobody = 65534;

void check(bool done, const std::string& what) {
  if (!done) throw std::system_error(errno, std::generic_category(), what);
}

// Relative to open directories, since paths may be too long. Best effort: a leftover fails no test.
void remove_below(int parent, const char* name) {
  if (::unlinkat(parent, name, 0) == 0) return;
  const int fd = ::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR* const listing = fd < 0 ? nullptr : ::fdopendir(fd);
  if (listing == nullptr) return;
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(listing)) {  // NOLINT(concurrency-mt-unsafe)
    const std::string_view met(entry->d_name);
    if (met != "." && met != "..") names.emplace_back(met);
  }
  for (const std::string& below : names) remove_below(fd, below.c_str());
  ::closedir(listing);
  ::unlinkat(parent, name, AT_REMOVEDIR);
}

void put(const std::string& path, std::string_view content, int flags) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644));
  check(static_cast<bool>(fd), "open " + path);
  while (!content.empty()) {
    const ssize_t put = ::write(fd.get(), content.data(), content.size());
    check(put >= 0, "write " + path);
    content.remove_prefix(static_cast<std::size_t>(put));
  }
}

}  // namespace

TempDirectory::TempDirectory() {
  std::string name =
      (std::filesystem::canonical(std::filesystem::temp_directory_path()) / "lookout-test-XXXXXX")
          .string();
  check(::mkdtemp(name.data()) != nullptr, "mkdtemp " + name);
  path_ = name;
  check(::chmod(path_.c_str(), 0755) == 0, "chmod " + path_);
}

TempDirectory::~TempDirectory() {
  remove_below(AT_FDCWD, path_.c_str());
}

void TempDirectory::directory(std::string_view name) const {
  std::filesystem::create_directories(at(name));
}

void TempDirectory::write(std::string_view name, std::string_view content) const {
  put(at(name), content, O_TRUNC);
}

void TempDirectory::append(std::string_view name, std::string_view content) const {
  put(at(name), content, O_APPEND);
}

void TempDirectory::save(std::string_view name, std::string_view content) const {
  const std::string draft = std::string(name) + "~";
  write(draft, content);
  move(draft, name);
}

void TempDirectory::move(std::string_view from, std::string_view to) const {
  check(::rename(at(from).c_str(), at(to).c_str()) == 0, "rename " + at(from));
}

void TempDirectory::exchange(std::string_view one, std::string_view other) const {
  check(::renameat2(AT_FDCWD, at(one).c_str(), AT_FDCWD, at(other).c_str(), RENAME_EXCHANGE) == 0,
        "exchange " + at(one));
}

void TempDirectory::link(std::string_view existing, std::string_view name) const {
  check(::link(at(existing).c_str(), at(name).c_str()) == 0, "link " + at(name));
}

void TempDirectory::symlink(std::string_view target, std::string_view name) const {
  check(::symlink(std::string(target).c_str(), at(name).c_str()) == 0, "symlink " + at(name));
}

void TempDirectory::remove(std::string_view name) const {
  remove_below(AT_FDCWD, at(name).c_str());
  check(!exists(name), "remove " + at(name));
}

void TempDirectory::set_mode(std::string_view name, mode_t mode) const {
  check(::chmod(at(name).c_str(), mode) == 0, "chmod " + at(name));
}

std::uint64_t TempDirectory::inode(std::string_view name) const {
  struct stat seen {};
  check(::lstat(at(name).c_str(), &seen) == 0, "lstat " + at(name));
  return seen.st_ino;
}

bool TempDirectory::exists(std::string_view name) const {
  struct stat seen {};
  return ::lstat(at(name).c_str(), &seen) == 0;
}

Unprivileged::Unprivileged() : before_(::geteuid()) {
  if (before_ == 0) check(::seteuid(kNobody) == 0, "seteuid");
}

Unprivileged::~Unprivileged() {
  if (before_ == 0 && ::seteuid(before_) != 0) std::abort();
}

bool Unprivileged::reaches(const std::string& directory) {
  const Unprivileged user;
  return ::faccessat(AT_FDCWD, directory.c_str(), R_OK | X_OK, AT_EACCESS) == 0;
}

}  // namespace lookout
