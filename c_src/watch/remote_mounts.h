// Which mounts are served by another host or process, so that a call on them may block.
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

#include "watch/mount_watch.h"
#include "watch/open_directory.h"
#include "watch/remote_mount.h"
#include "watch/way.h"

namespace lookout {

class RemoteMounts {
 public:
  using Pointer = std::shared_ptr<RemoteMount>;

  RemoteMounts() = default;
  ~RemoteMounts();  // waits for nothing
  RemoteMounts(const RemoteMounts&) = delete;
  RemoteMounts& operator=(const RemoteMounts&) = delete;

  // `answered` is called on another thread, when a mount has answered that was not waited for.
  void notify(std::function<void()> answered) { answered_ = std::move(answered); }
  // The table of mounts, at the start and after each change.
  void learn(const Mounts& mounts, const MountTypes& types);

  // Whether there are none: then nothing need be asked here.
  bool none() const { return none_; }
  bool all_prompt() const;
  // Whether some call has not been answered, also where what it was made on is mounted no more.
  bool wait() const;
  void forget_answers();

  // The mount on which an entry of a directory stands, symbolic links not followed; null for a
  // local one.
  Pointer of(const OpenDirectory& directory, const std::string& name) const {
    if (none_ || !names_.contains(name)) return directory.mount();
    return across(directory, name);
  }

  // Whether something is mounted at an entry of this name, in some directory.
  bool names_mount(const std::string& name) const {
    return some_name_[shape_of(name)] && mount_names_.contains(name);
  }

  // Whether to open a directory on this device has something mounted there (autofs(5)).
  bool mounts_when_opened(std::uint64_t device) const { return autofs_.contains(device); }

  // The mount on which a path leads that has no symbolic links in it; null for a local one.
  const Pointer& at(std::string path) const;
  // The same, and where that is a local one, the first remote one below the path.
  const Pointer& within(const std::string& path) const;
  // What stands at a path of which only the last part may be a symbolic link; nullopt where that
  // has no answer.
  std::optional<WayStep> step(const std::string& path) const;

  // Where a path leads. Where a mount on its way does not answer, `code` is why.
  struct Way {
    std::string real;  // without symbolic links; empty where nothing stands there
    Pointer mount;     // of its end; null for a local one
    int code = 0;
  };
  Way way(const std::string& path) const;
  Way way(const OpenDirectory& directory, const std::string& name) const;

 private:
  // Tells most names apart that are listed from those of places, without a hash.
  static constexpr std::size_t kShapes = 4096;
  static std::size_t shape_of(const std::string& name) {
    const std::size_t first = name.empty() ? 0 : static_cast<unsigned char>(name.front());
    return (first + name.size() * 256) % kShapes;
  }
  Pointer across(const OpenDirectory& directory, const std::string& name) const;

  struct Mounted {
    std::string what;  // as in Mounts
    Pointer mount;     // null for a local file system
  };

  std::function<void()> answered_ = [] {};
  bool none_ = true;
  std::map<std::string, Mounted> places_;
  std::vector<Pointer> left_;  // with a call that had not been answered when they were unmounted
  std::unordered_set<std::string> names_;     // the last parts of places at or below a remote mount
  std::unordered_set<std::uint64_t> autofs_;  // devices
  std::unordered_set<std::string> mount_names_;  // of all places
  std::bitset<kShapes> some_name_;               // the shapes of these
};

// The path of an open directory. Asks no file system.
std::string path_of(int directory_fd);

}  // namespace lookout
