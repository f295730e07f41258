// A directory that is open, and where calls on it are to be made.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "support/unique_fd.h"
#include "watch/file_system.h"
#include "watch/remote_mount.h"

namespace lookout {

class OpenDirectory {
 public:
  // On a local file system.
  explicit OpenDirectory(UniqueFd fd) : fd_(std::move(fd)) {}
  // On a remote one; `key` names it among the directories there.
  OpenDirectory(UniqueFd fd, std::shared_ptr<RemoteMount> mount, FileSystem system, std::string key)
      : fd_(std::move(fd)), mount_(std::move(mount)), system_(system), key_(std::move(key)) {}
  ~OpenDirectory() {
    if (mount_) mount_->discard(std::make_shared<UniqueFd>(std::move(fd_)));
  }
  OpenDirectory(const OpenDirectory&) = delete;
  OpenDirectory& operator=(const OpenDirectory&) = delete;

  int get() const { return fd_.get(); }
  // Null where calls may be made directly.
  const std::shared_ptr<RemoteMount>& mount() const { return mount_; }
  // Of a remote one.
  const FileSystem& system() const { return system_; }
  const std::string& key() const { return key_; }

 private:
  UniqueFd fd_;
  std::shared_ptr<RemoteMount> mount_;
  FileSystem system_;
  std::string key_;
};

using DirectoryFd = std::shared_ptr<const OpenDirectory>;

}  // namespace lookout
