// Where the kernel's hints come from: one implementation for each platform.
#pragma once

#include <cerrno>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "watch/hint.h"

namespace lookout {

// How the changes below a root are found.
enum class Backend : std::uint8_t {
  automatic,  // by the kernel's hints where they tell everything, by polling elsewhere
  inotify,
  fanotify,  // where the file system cannot be marked, inotify
  poll,
  fswatch  // polled, and looked at where the program fswatch says so
};

// Owned by shared_ptr: a call that was made for it on a mount that hangs may outlast its owner.
class HintSource : public std::enable_shared_from_this<HintSource> {
 public:
  virtual ~HintSource() = default;

  // Of where the hints of this watch come from.
  virtual std::string_view name(int watch) const = 0;

  // Readable when hints are queued; -1 where there are never any. Another one may take its place
  // with a call of watch() or refusal().
  virtual int fd() const = 0;

  // Watches the directory that is open as `directory_fd`. Watching the same directory again gives
  // the same descriptor. Returns the watch descriptor, or -1 with errno: ENOSPC when the user's
  // watches are used up, EACCES without read permission, ENOSYS where nothing can be watched.
  // May change the working directory until leave() is called.
  virtual int watch(int directory_fd, Backend backend) = 0;
  virtual void leave() {}
  // As `watch`, on any thread; the working directory stays.
  virtual int watch_elsewhere(int directory_fd) = 0;

  // Watches the directory at `path` for its own move or deletion, and with `entries` for names
  // that appear in it and leave it. An existing watch keeps what it has. ENOTDIR where the last
  // component is a symbolic link. As `watch_elsewhere` otherwise.
  virtual int watch_place(const char* path, bool entries) = 0;

  // Watches an entry that is no directory, open as `file_fd` (O_PATH is enough), for its attributes
  // and, with `content`, for what is written; its events have no name. As `watch_elsewhere`
  // otherwise.
  virtual int watch_file(int /*file_fd*/, bool /*content*/) {
    errno = ENOSYS;
    return -1;
  }

  virtual void unwatch(int watch) = 0;

  // Something was mounted or unmounted.
  virtual void mounts_changed() {}

  // Why hints cannot be had in this way, an errno; 0 where they can.
  virtual int refusal(Backend /*backend*/) { return 0; }

  // Reads what the kernel had queued when this was called and hands each message over, in order.
  // What comes in meanwhile may stay for the next call, so steady changes cannot hold it.
  virtual void read(const std::function<void(const Hint&)>& take) = 0;
};

// The platform's own. Throws std::system_error where it cannot be had.
std::shared_ptr<HintSource> make_hint_source();

}  // namespace lookout
