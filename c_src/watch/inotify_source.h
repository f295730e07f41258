// The kernel's inotify queue as a source of hints (inotify(7), Linux 2.6.13 and newer).
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "support/error.h"
#include "support/unique_fd.h"
#include "watch/hint.h"

namespace lookout {

class InotifySource {
 public:
  // Throws std::system_error: EMFILE when the user has no more inotify instances (128 by default).
  InotifySource();

  int fd() const { return fd_.get(); }

  // Watches the directory that is open as `directory_fd`. Watching the same directory again gives
  // the same descriptor. Returns the watch descriptor, or -1 with errno: ENOSPC when the user's
  // watches are used up, EACCES without read permission. Changes the working directory until
  // leave() is called: fchdir and "." take less time than a path below /proc/self/fd.
  int watch(int directory_fd);
  void leave();

  // Watches the directory at `path` for its own move or deletion, and with `entries` for names
  // that appear in it and leave it. An existing watch keeps what it has. As `watch` otherwise.
  int watch_place(const char* path, bool entries);

  void unwatch(int watch);

  // Reads what the kernel had queued when this was called and hands each message over, in order.
  // What comes in meanwhile may stay for the next call, so steady changes cannot hold it.
  void read(const std::function<void(const Hint&)>& take);

 private:
  UniqueFd fd_;
  std::vector<char> buffer_;
  bool inside_ = false;  // the working directory is one that was watched
};

}  // namespace lookout
