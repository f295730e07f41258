// The interface to the kernel's file system events, with one implementation for each platform.
#pragma once

#include <cerrno>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "watch/model/backend.h"
#include "watch/model/hint.h"

namespace lookout {

// Which names in a directory its watch reports: none, those that are deleted, or also those that
// are created and renamed.
enum class NamesIn : std::uint8_t { none, deleted, all };

// Owned by shared_ptr: a thread may still be in a call of this source on a hung mount when the
// owner is destroyed.
class HintSource : public std::enable_shared_from_this<HintSource> {
 public:
  virtual ~HintSource() = default;

  // The name of the kernel interface that this watch belongs to, for example "inotify".
  virtual std::string_view name(int watch) const = 0;

  // A descriptor that is readable when hints are queued; -1 if this source never has hints. A call
  // of watch() or refusal() may replace it by another descriptor.
  virtual int fd() const = 0;

  // Watches the directory that is open as `directory_fd`. Returns the watch descriptor, which is
  // the same if the directory is watched already, or kNoWatch with errno: ENOSPC when the user's
  // watches are used up, EACCES without read permission, ENOSYS if the source cannot watch
  // anything. May change the working directory until leave() is called.
  virtual int watch(int directory_fd, Backend backend) = 0;
  virtual void leave() {}
  // As watch(), but may be called on any thread and does not change the working directory.
  virtual int watch_elsewhere(int directory_fd) = 0;

  // Watches the directory at `path` for its own move or deletion, and for these names in it. An
  // existing watch of the directory keeps its events. Fails with
  // ENOTDIR if the last component is a symbolic link. Otherwise as watch_elsewhere().
  virtual int watch_place(const char* path, NamesIn names) = 0;

  // Watches an entry that is not a directory and is open as `file_fd` (O_PATH is enough): for its
  // attributes, move and deletion and, with `content`, for writes. Its events have no name.
  // Otherwise as watch_elsewhere().
  virtual int watch_file(int /*file_fd*/, bool /*content*/) {
    errno = ENOSYS;
    return kNoWatch;
  }

  virtual void unwatch(int watch) = 0;

  // Called when something was mounted or unmounted.
  virtual void mounts_changed() {}

  // The errno for which this backend is not available; 0 if it is available.
  virtual int refusal(Backend /*backend*/) { return 0; }

  // Reads the messages that the kernel had queued when this was called, and calls `take` with each,
  // in order. Messages that arrive meanwhile may be left for the next call, so that steady changes
  // cannot keep this call from returning.
  virtual void read(const std::function<void(const Hint&)>& take) = 0;
};

// Creates the hint source of the platform. Throws std::system_error on failure.
std::shared_ptr<HintSource> make_hint_source();

}  // namespace lookout
