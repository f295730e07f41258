#include "watch/safe_file.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace lookout {
namespace {

constexpr int kPathFlags = O_PATH | O_CLOEXEC;

// Each component without following a link.
UniqueFd open_without_links(int directory_fd, const std::string& path) {
  UniqueFd held;
  int at = directory_fd;
  for (std::size_t begin = 0;;) {
    const std::size_t slash = path.find('/', begin);
    const bool last = slash == std::string::npos;
    const std::string name = path.substr(begin, last ? slash : slash - begin);
    UniqueFd next(::openat(at, name.c_str(), kPathFlags | O_NOFOLLOW | (last ? 0 : O_DIRECTORY)));
    if (!next || last) return next;
    held = std::move(next);
    at = held.get();
    begin = slash + 1;
  }
}

UniqueFd open_beneath(int directory_fd, const std::string& path) {
  open_how how{};
  how.flags = kPathFlags;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  UniqueFd fd(
      static_cast<int>(::syscall(SYS_openat2, directory_fd, path.c_str(), &how, sizeof how)));
  // EPERM comes from a seccomp filter that does not know the call.
  if (!fd && (errno == ENOSYS || errno == EPERM)) return open_without_links(directory_fd, path);
  return fd;
}

UniqueFd open_at(int directory_fd, const std::string& path, Links links) {
  if (links == Links::beneath) return open_beneath(directory_fd, path);
  const int follow = links == Links::none ? O_NOFOLLOW : 0;
  return UniqueFd(::openat(directory_fd, path.c_str(), kPathFlags | follow));
}

}  // namespace

SafePath open_path(int directory_fd, const std::string& path, Links links) {
  SafePath opened;
  opened.fd = open_at(directory_fd, path, links);
  if (!opened.fd || ::fstat(opened.fd.get(), &opened.seen) != 0) opened.code = errno;
  return opened;
}

SafeText read_text(const SafePath& file, std::size_t most) {
  if (file.code != 0) return {{}, file.code};
  if (!S_ISREG(file.seen.st_mode)) return {};
  const std::string path = "/proc/self/fd/" + std::to_string(file.fd.get());
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  // Without /proc: not to be taken for a file that does not exist.
  if (!fd) return {{}, errno == ENOENT ? ENOSYS : errno};
  std::string text(most + 1, '\0');
  std::size_t filled = 0;
  while (filled < text.size()) {
    const ssize_t got = ::read(fd.get(), text.data() + filled, text.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return {{}, errno};
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  if (filled > most) return {{}, EFBIG};
  text.resize(filled);
  text.shrink_to_fit();
  return {std::move(text), 0};
}

}  // namespace lookout
