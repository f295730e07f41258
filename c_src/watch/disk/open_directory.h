// An open directory, and the mount on whose thread calls on it must be made. DirectoryCache and
// those that use the directory share it; the classes of reconcile/ call it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "support/unique_fd.h"
#include "watch/disk/file_system.h"
#include "watch/disk/remote_mount.h"

namespace lookout {

class OpenDirectory {
 public:
  // A directory on a local file system.
  OpenDirectory(UniqueFd fd, std::uint16_t mode) : fd_(std::move(fd)), mode_(mode) {}
  // A directory on a remote mount; `key` is unique among the directories of that mount.
  OpenDirectory(UniqueFd fd, std::shared_ptr<RemoteMount> mount, FileSystem system, std::string key)
      : fd_(std::move(fd)), mount_(std::move(mount)), system_(system), key_(std::move(key)) {}
  ~OpenDirectory() {
    if (mount_) mount_->discard(std::make_shared<UniqueFd>(std::move(fd_)));
  }
  OpenDirectory(const OpenDirectory&) = delete;
  OpenDirectory& operator=(const OpenDirectory&) = delete;

  int get() const { return fd_.get(); }
  // Null if calls may be made directly.
  const std::shared_ptr<RemoteMount>& mount() const { return mount_; }
  // system() and key() are set for a remote directory only.
  const FileSystem& system() const { return system_; }
  const std::string& key() const { return key_; }

  // The permission bits at the time of opening; set for a local directory only.
  std::uint16_t mode() const { return mode_; }
  // Whether the caller may list the directory through this descriptor: true for the first caller
  // only, since a listing moves the file offset.
  bool take_offset() const { return !std::exchange(listed_, true); }

 private:
  UniqueFd fd_;
  std::shared_ptr<RemoteMount> mount_;
  FileSystem system_;
  std::string key_;
  std::uint16_t mode_ = 0;
  mutable bool listed_ = false;
};

using DirectoryFd = std::shared_ptr<const OpenDirectory>;

}  // namespace lookout
