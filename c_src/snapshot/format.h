// The content of a snapshot: the tree as it was reported up to a batch, and what is needed to
// continue from there. docs/snapshot-format.md has the bytes. Plain data that SnapshotEncoder takes
// and SnapshotDecoder returns.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lookout {

inline constexpr std::string_view kSnapshotMagic{"\x89LKSNAP\n", 8};
inline constexpr std::uint32_t kSnapshotVersion = 1;

// The limits of a file. A longer one is refused before memory is allocated for it.
inline constexpr std::size_t kMaxSnapshotFrame = std::size_t{1} << 24;  // bytes of payload
inline constexpr std::size_t kMaxSnapshotDevices = 65536;
// What comes before the records is read in one step of the event loop.
inline constexpr std::size_t kMaxSnapshotRoots = 65536;
inline constexpr std::size_t kMaxSnapshotFiles = 65536;  // single files, in all roots together
// Roots of single files in one directory: one for each combination of their options.
inline constexpr std::size_t kMaxSnapshotFileRoots = 64;
inline constexpr std::size_t kMaxSnapshotHead = std::size_t{1} << 24;  // bytes before the records
inline constexpr std::size_t kMaxSnapshotPath = 65536;                 // bytes
// Bytes. NAME_MAX is 255, but some file systems (vfat, exFAT, FUSE) have longer names.
inline constexpr std::size_t kMaxSnapshotName = 8192;

// The stamp of a file (watch/stamp.h), as bytes.
inline constexpr std::size_t kStampSize = 14;
using StampBytes = std::array<std::uint8_t, kStampSize>;

// A file system that has entries of the tree. st_dev may belong to another one after a restart.
struct SnapshotDevice {
  std::uint64_t number = 0;       // st_dev, for people
  std::uint64_t file_system = 0;  // f_fsid of statfs(2); 0: unknown
  std::uint64_t type = 0;         // f_type of statfs(2); 0: unknown
  std::string path{};             // of a directory on it, the topmost in the tree
  bool operator==(const SnapshotDevice&) const = default;
};

// A directory that was watched with all below it or, with names, single files in a directory.
struct SnapshotRoot {
  std::string path{};
  bool recursive = true;
  bool single = false;
  std::vector<std::string> names{};  // of the single files
  std::uint32_t device = 0;          // index in SnapshotHeader::devices
  std::uint64_t inode = 0;
  std::uint16_t mode = 0;                // permission bits
  std::optional<std::int64_t> moment{};  // as SnapshotRecord::moment
  bool operator==(const SnapshotRoot&) const = default;
};

struct SnapshotHeader {
  // Every change before this moment of the clock of inodes was reported; nanoseconds.
  std::int64_t moment = 0;
  std::uint64_t seq = 0;   // the number of the last batch
  std::uint64_t salt = 0;  // of the stamps
  std::vector<SnapshotDevice> devices{};
  std::vector<SnapshotRoot> roots{};
  bool operator==(const SnapshotHeader&) const = default;
};

enum class SnapshotType : std::uint8_t { file, directory, symlink, other };

// An entry. Records come in preorder, root by root.
struct SnapshotRecord {
  SnapshotType type = SnapshotType::file;
  std::uint32_t root = 0;  // index in SnapshotHeader::roots
  // How many directories, counted from the last directory that came before, to go up to the one
  // that has this entry.
  std::uint32_t levels_up = 0;
  std::uint32_t device = 0;
  std::uint64_t inode = 0;
  std::uint16_t mode = 0;  // of a directory
  bool linked = false;     // a directory that a symbolic link leads to
  // Changes that were seen and not reported yet.
  bool written = false;
  bool altered = false;
  bool missed = false;
  std::optional<StampBytes> stamp{};  // of any other entry, if it is known
  // Of a directory in which events do not show all changes: it takes the place of the header's.
  std::optional<std::int64_t> moment{};
  std::string_view name{};
  bool operator==(const SnapshotRecord&) const = default;
};

}  // namespace lookout
