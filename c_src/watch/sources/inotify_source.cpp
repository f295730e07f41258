#include "watch/sources/inotify_source.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <string>
#include <system_error>

#include "support/fd_link.h"

namespace lookout {
namespace {

constexpr std::size_t kMaxInotifyEvent = sizeof(inotify_event) + NAME_MAX + 1;

// Never IN_OPEN, IN_ACCESS or IN_CLOSE_NOWRITE: `lookout_port`'s own checks would fill the queue.
// Never IN_EXCL_UNLINK: it suppresses events of writes to an O_TMPFILE that is linked later.
constexpr std::uint32_t kTreeMask = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
                                    IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | IN_DELETE_SELF |
                                    IN_MOVE_SELF | IN_ONLYDIR;
constexpr std::uint32_t kPathMask =
    IN_DELETE_SELF | IN_MOVE_SELF | IN_MASK_ADD | IN_ONLYDIR | IN_DONT_FOLLOW;
constexpr std::uint32_t kFileMask = IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;
constexpr std::uint32_t kFileContentMask = IN_MODIFY | IN_CLOSE_WRITE;
constexpr std::uint32_t kPathNamesMask = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO;

Hint translate(const inotify_event& event, const char* name) {
  Hint hint;
  hint.watch = event.wd;
  hint.cookie = event.cookie;
  if (event.len > 0) hint.name = std::string_view(name, strnlen(name, event.len));
  const auto map = [&](std::uint32_t bits, Hints meaning) {
    if ((event.mask & bits) != 0) hint.hints |= meaning;
  };
  map(IN_CREATE, hint::kCreated);
  map(IN_MOVED_TO, hint::kMovedTo);
  map(IN_DELETE, hint::kDeleted);
  map(IN_MOVED_FROM, hint::kMovedFrom);
  map(IN_MODIFY, hint::kWritten);
  map(IN_ATTRIB, hint::kAttributes);
  map(IN_CLOSE_WRITE, hint::kClosed);
  map(IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT, hint::kSelfGone);
  hint.overflow = (event.mask & IN_Q_OVERFLOW) != 0;
  hint.ended = (event.mask & IN_IGNORED) != 0;
  return hint;
}

}  // namespace

InotifySource::InotifySource()
    : queue_(UniqueFd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)), kMaxInotifyEvent) {
  if (queue_.fd() < 0) throw std::system_error(errno, std::generic_category(), "inotify_init1");
}

int InotifySource::watch(int directory_fd, Backend /*backend*/) {
  // Watch through the descriptor, never by path: the path may resolve to another directory by now.
  if (::fchdir(directory_fd) != 0) return -1;
  inside_ = true;
  return ::inotify_add_watch(queue_.fd(), ".", kTreeMask);
}

int InotifySource::watch_on_any_thread(int directory_fd) {
  return ::inotify_add_watch(queue_.fd(), fd_link(directory_fd).c_str(), kTreeMask);
}

int InotifySource::watch_file(int file_fd, bool content) {
  const std::uint32_t mask = content ? kFileMask | kFileContentMask : kFileMask;
  return ::inotify_add_watch(queue_.fd(), fd_link(file_fd).c_str(), mask);
}

void InotifySource::leave_directory() {
  if (inside_ && ::chdir("/") == 0) inside_ = false;
}

int InotifySource::watch_path(const char* path, NamesIn names) {
  std::uint32_t mask = kPathMask;
  if (names == NamesIn::deleted) mask |= IN_DELETE;
  if (names == NamesIn::all) mask |= kPathNamesMask;
  return ::inotify_add_watch(queue_.fd(), path, mask);
}

void InotifySource::unwatch(int watch) {
  ::inotify_rm_watch(queue_.fd(), watch);
}

void InotifySource::read(const std::function<void(const Hint&)>& take) {
  queue_.read([&take](const char* message) {
    inotify_event event;
    std::memcpy(&event, message, sizeof event);
    take(translate(event, message + sizeof event));
    return sizeof event + event.len;
  });
}

}  // namespace lookout
