#pragma once

#include <cstdint>
#include <optional>

#include "watch/model/entry.h"
#include "watch/model/tree.h"

namespace lookout {

// The result of statx(2) for an entry; times in nanoseconds since the epoch. The functions of disk/
// return it, and the classes of reconcile/ read it.
struct FileStatus {
  EntryType type;
  Identity identity;
  std::uint32_t mode;  // type and permission bits
  std::uint32_t links;
  std::uint64_t size;
  std::int64_t mtime;
  std::int64_t ctime;
  std::uint64_t mtime_excess;         // what `mtime` lacks if it has reached the limit of its type
  bool linked;                        // the entry was reached through a symbolic link
  bool mounted;                       // the entry is a mount point (since Linux 5.8)
  std::optional<std::int64_t> birth;  // where the file system keeps it (ext4, XFS, btrfs, tmpfs)

  // A hash of size, mtime and mode that is never 0. The upper 16 bits depend on the size alone.
  std::uint32_t signature() const;
  static bool size_differs(std::uint32_t a, std::uint32_t b) { return (a ^ b) >> 16 != 0; }
};

// The granularity of an inode timestamp: by how many nanoseconds it may be earlier than the change
// that it records. One second where the file system keeps whole seconds, as ext4 does with small
// inodes; otherwise a tick of inode_clock(), which is at most 10 ms.
std::int64_t grain(std::int64_t stamp);

}  // namespace lookout
