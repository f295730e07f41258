// A directory that is open, and where calls on it are to be made.
#pragma once

#include <cstdint>
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
  OpenDirectory(UniqueFd fd, std::uint16_t mode) : fd_(std::move(fd)), mode_(mode) {}
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

  // Of a local one: its permission bits, when it was opened.
  std::uint16_t mode() const { return mode_; }
  // Whether it may be listed through this descriptor, whose offset nobody has used: the first time.
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
