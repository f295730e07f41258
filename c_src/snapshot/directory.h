// The directory with the snapshots of a watcher. It is locked while it is open, so that no two
// watchers write into it. Cursor owns it; Cursor and SnapshotSaver call it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "snapshot/decoder.h"
#include "support/error.h"
#include "support/unique_fd.h"

namespace lookout {

// Whether a snapshot may have this name in its directory.
bool is_snapshot_name(std::string_view name);

class SnapshotDirectory {
 public:
  // Errors: `locked`, and those of open(2).
  static Result<SnapshotDirectory> open(const std::string& path);

  // The bytes of a snapshot. Errors: `unknown_cursor`, `bad_snapshot`, and those of open(2). Links
  // are not followed.
  Result<SnapshotDecoder::Source> read(const std::string& name) const;

  const std::string& path() const { return path_; }
  std::string path_of(const std::string& name) const { return path_ + '/' + name; }
  int fd() const { return fd_.get(); }
  // Device and inode number of this directory and of those above it.
  const std::vector<std::pair<std::uint64_t, std::uint64_t>>& above() const { return above_; }

 private:
  std::string path_;
  UniqueFd fd_;
  UniqueFd lock_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> above_;
};

}  // namespace lookout
