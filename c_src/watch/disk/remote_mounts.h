// Which mounts another host or process serves, so that a call on them may block. EngineModel owns
// it, MountAlert loads the mount table into it, and remote_calls.h asks it before each call.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "watch/disk/mount_watch.h"
#include "watch/disk/open_directory.h"
#include "watch/disk/path_walk.h"
#include "watch/disk/remote_mount.h"

namespace lookout {

class RemoteMounts {
 public:
  using Pointer = std::shared_ptr<RemoteMount>;

  RemoteMounts() = default;
  ~RemoteMounts();  // does not wait for pending calls
  RemoteMounts(const RemoteMounts&) = delete;
  RemoteMounts& operator=(const RemoteMounts&) = delete;

  // A mount calls `answered` on its thread when a late response has arrived, or when a mount that
  // got no thread (EndedThreads) may get one.
  void notify(std::function<void()> answered);
  // Loads the mount table. Call it at the start and after each change.
  void load(const Mounts& mounts, const MountTypes& types);

  // Whether there is no remote mount; then no other function needs to be called.
  bool none() const { return none_; }
  bool all_prompt() const;
  // How long the event loop has waited for remote mounts since the start.
  RemoteWaits::Clock::duration waited() const { return waits_.total(); }
  // Whether a call is pending, including calls on file systems that were unmounted meanwhile.
  bool wait() const;
  void forget_answers();

  // The mount that an entry of a directory is on, symbolic links not followed; null for a local
  // one.
  Pointer of(const OpenDirectory& directory, const std::string& name) const {
    if (none_ || !names_->contains(name)) return directory.mount();
    return across(directory, name);
  }

  // The last components of the mount points at or below a remote mount: a stat of an entry with
  // such a name may wait for a server.
  using Names = std::shared_ptr<const std::unordered_set<std::string>>;
  const Names& names() const { return names_; }
  // Whether a file system is mounted at an entry of this name, in some directory.
  bool names_mount(const std::string& name) const {
    return some_name_[shape_of(name)] && mount_names_.contains(name);
  }

  // Whether opening a directory on this device mounts a file system there (autofs(5)).
  bool mounts_when_opened(std::uint64_t device) const { return autofs_.contains(device); }

  // The mount that a path without symbolic links leads to; null for a local one.
  const Pointer& at(std::string path) const;
  // As at(), but if that mount is a local one, the first remote mount below the path.
  const Pointer& within(const std::string& path) const;
  // As within(), for an entry of a directory.
  Pointer within(const OpenDirectory& directory, const std::string& name) const;
  // For calls on paths that cannot be resolved here, so that their mount is unknown: longer than
  // 4,095 bytes, or of too many components (PathEnd). Null if there is no remote mount.
  const Pointer& unknown() const { return unknown_; }
  // The entry at a path of which only the last component may be a symbolic link; nullopt if its
  // mount does not answer.
  std::optional<PathStep> step(const std::string& path) const;

  // Where a path leads. If a mount on the path does not answer, `code` is the errno.
  struct Resolved {
    std::string real;  // without symbolic links; empty if no entry exists there
    Pointer mount;     // the mount of `real`; null for a local one, unknown() if `real` is unknown
    int code = 0;
    bool too_long = false;  // as in PathEnd; then `real` is empty
    int missing = 0;        // the errno if no entry exists there
  };
  Resolved resolve(const std::string& path) const;
  Resolved resolve(const OpenDirectory& directory, const std::string& name) const;

 private:
  // A filter without a hash: it excludes most listed names that no mount point has.
  static constexpr std::size_t kShapes = 4096;
  static std::size_t shape_of(const std::string& name) {
    const std::size_t first = name.empty() ? 0 : static_cast<unsigned char>(name.front());
    return (first + name.size() * 256) % kShapes;
  }
  Pointer new_mount();
  Names remote_names() const;
  Pointer across(const OpenDirectory& directory, const std::string& name) const;

  struct Mounted {
    std::string what;  // as in Mounts
    Pointer mount;     // null for a local file system
  };

  RemoteWaits waits_;
  std::function<void()> answered_ = [] {};
  std::shared_ptr<EndedThreads> ended_ = std::make_shared<EndedThreads>();
  bool none_ = true;
  std::map<std::string, Mounted> places_;
  Pointer unknown_;
  std::vector<Pointer> left_;  // unmounted while a call was pending
  Names names_ = std::make_shared<const std::unordered_set<std::string>>();
  std::unordered_set<std::uint64_t> autofs_;     // device numbers
  std::unordered_set<std::string> mount_names_;  // last components of all mount points
  std::bitset<kShapes> some_name_;               // shape_of() each of mount_names_
};

}  // namespace lookout
