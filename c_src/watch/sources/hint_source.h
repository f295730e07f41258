// The interface to the kernel's file system events, with one implementation for each platform.
// EngineModel owns the source; the classes of watch/ call it.
#pragma once

#include <cerrno>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "watch/model/backend.h"
#include "watch/model/hint.h"

namespace lookout {

// Which changes of the names in a directory a watch reports: none, deletions, or creations,
// deletions and renames.
enum class NamesIn : std::uint8_t { none, deleted, all };

// Owned by shared_ptr: a thread may still be in a call of this source on a hung mount when the
// owner is destroyed.
class HintSource : public std::enable_shared_from_this<HintSource> {
 public:
  virtual ~HintSource() = default;

  // Returns the name of the kernel interface that has this watch, for example "inotify".
  virtual std::string_view name(int watch) const = 0;

  // Returns a descriptor that is readable when hints are queued; -1 if this source never has hints.
  // A call of watch() or start() may replace it by another descriptor.
  virtual int fd() const = 0;

  // Watches the directory that is open as `directory_fd`, with the kernel interface that `backend`
  // selects. Returns the watch descriptor; a directory that already has a watch keeps its
  // descriptor. Fails with kNoWatch and errno: ENOSPC if the user has no watches left, EACCES
  // without read permission, ENOSYS if the source cannot watch anything. May change the working
  // directory: call leave_directory() after the last of several calls.
  virtual int watch(int directory_fd, Backend backend) = 0;
  // Changes the working directory back to "/".
  virtual void leave_directory() {}
  // As watch() with the default interface of the platform. May be called on any thread, and does
  // not change the working directory.
  virtual int watch_on_any_thread(int directory_fd) = 0;

  // Watches the directory at `path` for its own move and deletion, and for the changes of names
  // that `names` selects. If the directory already has a watch, adds these events to it. Fails with
  // ENOTDIR if the last component is a symbolic link. Otherwise as watch_on_any_thread().
  virtual int watch_path(const char* path, NamesIn names) = 0;

  // Watches an entry that is not a directory and is open as `file_fd` (O_PATH is enough): for its
  // attributes, move and deletion and, with `content`, for writes. Its events have no name.
  // Otherwise as watch_on_any_thread().
  virtual int watch_file(int /*file_fd*/, bool /*content*/) {
    errno = ENOSYS;
    return kNoWatch;
  }

  // Removes a watch. The source may reuse its descriptor at once. Not to be called after a hint
  // with `ended`: that watch is already removed.
  virtual void unwatch(int watch) = 0;

  // Called when something was mounted or unmounted.
  virtual void mounts_changed() {}

  // Opens what `backend` needs; may replace fd(). Returns 0, or the errno for which the backend is
  // not available. After a transient error, the next call tries again.
  virtual int start(Backend /*backend*/) { return 0; }

  // Reads the events that were queued when the call began, and calls `take` with each, in order. It
  // need not read events that arrive during the call, so it returns even under steady changes.
  virtual void read(const std::function<void(const Hint&)>& take) = 0;
};

// Creates the hint source of the platform. Throws std::system_error on failure.
std::shared_ptr<HintSource> make_hint_source();

}  // namespace lookout
