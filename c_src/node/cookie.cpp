#include "node/cookie.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "support/unique_fd.h"

namespace lookout {
namespace {

constexpr std::size_t kMaxCookie = 255;  // bytes

Error refused(const std::string& path, const char* detail) {
  return Error{"eperm", "read", path, detail};
}

}  // namespace

Result<std::string> read_cookie(const std::string& path) {
  // O_NONBLOCK: a FIFO at this path does not hold up the start.
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat seen {};
  if (!file || ::fstat(file.get(), &seen) != 0) return errno_error(errno, "read", path);
  if (!S_ISREG(seen.st_mode)) return refused(path, "a cookie file must be a regular file");
  if (seen.st_uid != ::geteuid()) {
    return refused(path, "a cookie file must belong to the user that runs lookout_port");
  }
  if ((seen.st_mode & 077U) != 0) {
    return refused(path, "others may access this cookie file; run chmod 400 on it");
  }
  std::array<char, kMaxCookie + 2> bytes{};
  const ssize_t size = ::read(file.get(), bytes.data(), bytes.size());
  if (size < 0) return errno_error(errno, "read", path);
  std::string_view cookie(bytes.data(), static_cast<std::size_t>(size));
  while (!cookie.empty() && (cookie.back() == '\n' || cookie.back() == '\r')) {
    cookie.remove_suffix(1);
  }
  if (cookie.empty() || cookie.size() > kMaxCookie || cookie.find('\n') != std::string_view::npos) {
    return Error{"einval", "read", path, "a cookie file has one line of 1 to 255 bytes"};
  }
  return std::string(cookie);
}

}  // namespace lookout
