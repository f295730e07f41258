// The data types that the engine reports: entries of the tree, changes of them, and notices. The
// classes of watch/ create them; ChangeSink and Listener receive them.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

namespace lookout {

enum class EntryType : std::uint8_t { file, directory, symlink, other };

enum class Change : std::uint8_t { created, modified, attributes, deleted, renamed };
// One bit for each Change.
using ChangeSet = std::bitset<5>;

// A transition of the tree. Paths are absolute and contain the raw bytes of the file system.
struct Event {
  Change change;
  EntryType type;
  std::string path;
  std::string from;  // the old path of a rename; empty otherwise

  bool operator==(const Event&) const = default;
};

struct EntryStat {
  std::uint64_t size;     // bytes
  std::int64_t mtime_ns;  // nanoseconds since the epoch
  std::uint32_t mode;     // permission bits and type, as in inode(7)

  bool operator==(const EntryStat&) const = default;
};

struct Entry {
  EntryType type;
  std::string path;
  std::uint64_t inode;
  std::optional<EntryStat> stat;  // only if it was requested and statx(2) succeeded

  bool operator==(const Entry&) const = default;
};

// The kernel dropped events. A rescan finds the differences, which are then reported as events.
struct OverflowNotice {
  std::string dir;
  bool operator==(const OverflowNotice&) const = default;
};
// A directory below a root cannot be read. Changes of its entries are not found until it can be.
struct UnreadableNotice {
  std::string dir;
  std::string reason;  // an errno in lower case, or "untrusted" (watch/disk/rule_files.h)
  bool operator==(const UnreadableNotice&) const = default;
};
// The kernel grants no more watches; the directory is polled instead.
struct WatchLimitNotice {
  std::string dir;
  bool operator==(const WatchLimitNotice&) const = default;
};
// Other hosts or processes may change this file system without an event in this kernel. It is
// polled instead, from this directory down.
struct PolledNotice {
  std::string dir;
  std::string file_system;  // for example "nfs" or "fuse"
  bool operator==(const PolledNotice&) const = default;
};
// A pseudo file system is mounted at this directory, below a root. Its contents are neither
// reported nor watched.
struct UnwatchedNotice {
  std::string dir;          // or a file, where the mount point is a file
  std::string file_system;  // for example "proc"
  bool operator==(const UnwatchedNotice&) const = default;
};
// A watched root no longer exists at its path. Its entries were reported as deleted before this.
struct RootDeletedNotice {
  std::string dir;
  bool operator==(const RootDeletedNotice&) const = default;
};
// A root exists at its path again. Its entries are reported as created after this.
struct RootCreatedNotice {
  std::string dir;
  bool operator==(const RootCreatedNotice&) const = default;
};

// So many of the other notices were left out, since too much waited to be sent.
struct OmittedNotice {
  std::string dir;  // the paths of all of them are at or below it
  std::uint64_t count;
  bool operator==(const OmittedNotice&) const = default;
};

using Notice = std::variant<OverflowNotice, UnreadableNotice, WatchLimitNotice, PolledNotice,
                            UnwatchedNotice, RootDeletedNotice, RootCreatedNotice, OmittedNotice>;

}  // namespace lookout
