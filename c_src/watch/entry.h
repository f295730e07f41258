// What the engine tells: entries of the tree, changes of them, and notices.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

namespace lookout {

enum class EntryType : std::uint8_t { file, directory, symlink, other };

enum class Change : std::uint8_t { created, modified, attributes, deleted, renamed };
// A bit for each.
using ChangeSet = std::bitset<5>;

// A transition of the tree. Paths are absolute, raw bytes as on disk.
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
  std::optional<EntryStat> stat;  // only when asked for, and when the entry could be looked at

  bool operator==(const Entry&) const = default;
};

// Kernel events were lost; a rescan finds the differences, which follow as events.
struct OverflowNotice {
  std::string dir;
  bool operator==(const OverflowNotice&) const = default;
};
// A directory below a root cannot be read; nothing is known of what is in it until it can.
struct UnreadableNotice {
  std::string dir;
  std::string reason;  // an errno in lower case, or "untrusted" (watch/rule_files.h)
  bool operator==(const UnreadableNotice&) const = default;
};
// The kernel gives no more watches; the directory is looked at every interval instead.
struct WatchLimitNotice {
  std::string dir;
  bool operator==(const WatchLimitNotice&) const = default;
};
// What is on this file system may be changed unseen by this kernel; from this directory down it is
// looked at every interval instead.
struct PolledNotice {
  std::string dir;
  std::string file_system;  // as "nfs" or "fuse"
  bool operator==(const PolledNotice&) const = default;
};
// A pseudo file system is mounted there, below a root: what is on it is neither reported nor
// watched.
struct UnwatchedNotice {
  std::string dir;          // or the file that it shows as
  std::string file_system;  // as "proc"
  bool operator==(const UnwatchedNotice&) const = default;
};
// A watched root no longer stands at its path; its entries were reported as deleted before this.
struct RootDeletedNotice {
  std::string dir;
  bool operator==(const RootDeletedNotice&) const = default;
};
// A root stands at its path again; its entries follow as created.
struct RootCreatedNotice {
  std::string dir;
  bool operator==(const RootCreatedNotice&) const = default;
};

using Notice = std::variant<OverflowNotice, UnreadableNotice, WatchLimitNotice, PolledNotice,
                            UnwatchedNotice, RootDeletedNotice, RootCreatedNotice>;

}  // namespace lookout
