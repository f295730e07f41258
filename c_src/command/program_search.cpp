#include "command/program_search.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

namespace lookout {
namespace {

constexpr std::string_view kDefaultPath = "/usr/local/bin:/usr/bin:/bin";

bool is_file(const char* path) {
  struct stat status {};
  return ::stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

// faccessat(3) may allocate memory if the kernel has no faccessat2(2) (before Linux 5.8); a seccomp
// filter may block faccessat2(2).
bool may_execute(const char* path) {
#ifdef SYS_faccessat2
  if (::syscall(SYS_faccessat2, AT_FDCWD, path, X_OK, AT_EACCESS) == 0) return true;
  if (errno != ENOSYS && errno != EPERM) return false;
#endif
  return ::access(path, X_OK) == 0;
}

}  // namespace

std::size_t ProgramSearch::longest() const {
  return directory.size() + std::max(path.size(), kDefaultPath.size()) + name.size() + 2;
}

const char* find_program(const ProgramSearch& search, std::string& buffer) {
  if (search.name.find('/') != std::string::npos) return search.name.c_str();
  const std::string_view path = search.path.empty() ? kDefaultPath : search.path;
  int code = ENOENT;
  for (std::size_t start = 0; !search.name.empty() && start <= path.size();) {
    const std::size_t end = std::min(path.find(':', start), path.size());
    const std::string_view part = path.substr(start, end - start);
    buffer.clear();
    // An empty entry of PATH is the working directory (environ(7)).
    if (part.empty() || part.front() != '/') buffer.append(search.directory) += '/';
    buffer.append(part) += '/';
    buffer += search.name;
    if (is_file(buffer.c_str())) {
      if (may_execute(buffer.c_str())) return buffer.c_str();
      code = EACCES;
    }
    start = end + 1;
  }
  errno = code;
  return nullptr;
}

}  // namespace lookout
