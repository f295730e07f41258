// Looks at the disk, always relative to an open directory: a long path is never needed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "support/unique_fd.h"
#include "watch/entry.h"
#include "watch/tree.h"

namespace lookout {

// What statx(2) tells of an entry; times in nanoseconds since the epoch.
struct Look {
  EntryType type;
  Identity identity;
  std::uint32_t mode;  // type and permission bits
  std::uint32_t links;
  std::uint64_t size;
  std::int64_t mtime;
  std::int64_t ctime;
  bool linked;                        // it was reached through a symbolic link
  bool mounted;                       // something is mounted there (since Linux 5.8)
  std::optional<std::int64_t> birth;  // where the file system keeps it (ext4, XFS, btrfs, tmpfs)

  // A hash of size, mtime and mode that is never 0; the upper half is of the size alone.
  std::uint32_t signature() const;
  static bool size_differs(std::uint32_t a, std::uint32_t b) { return (a ^ b) >> 16 != 0; }
};

// The entry itself, symbolic links not followed; or an errno.
std::variant<Look, int> look_at(int directory_fd, const std::string& name);
// What stands where a symbolic link leads.
std::variant<Look, int> look_through(int directory_fd, const std::string& name);

// Whether a file system is mounted at this directory (since Linux 5.8; false before).
bool is_mount_root(int directory_fd);
// The mount that a directory was opened on (since Linux 5.8; 0 before).
std::uint64_t mount_of(int directory_fd);

// Whether a failure with this errno is likely to pass by itself: no descriptors, no memory.
bool is_passing(int code);

// The clock that the kernel stamps inodes with, in nanoseconds since the epoch.
std::int64_t inode_clock();
// Nanoseconds, as exact as that one, and never set.
std::int64_t monotonic_clock();

// How far the time stamp of an inode may lie before the moment that it stands for, in nanoseconds:
// where whole seconds are kept, as on ext4 with small inodes, a second; elsewhere a tick of that
// clock, which is at most 10 ms.
std::int64_t grain(std::int64_t stamp);

// The records of a whole listing, as getdents64(2) gives them.
struct DirectoryRecords {
  std::string bytes;
  int error = 0;  // errno of what cut it short
};
// A listing of more bytes than `most` is cut short with EOVERFLOW: a server may list without end.
inline constexpr std::size_t kMostRecords = std::size_t{256} << 20;  // of some 8,000,000 entries
DirectoryRecords read_records(int directory_fd, std::size_t most = kMostRecords);

// Reads the entries of a directory, block by block.
class DirectoryReader {
 public:
  struct Item {
    std::string name;
    std::uint64_t inode;
    std::optional<EntryType> type;  // nullopt where the file system does not say
  };

  // Opens the directory once more, after its watch was added. Throws nothing; check `error()`.
  explicit DirectoryReader(int directory_fd);
  // Through the descriptor itself, from the start; nobody else uses its offset. `owner` keeps it
  // open.
  DirectoryReader(int directory_fd, std::shared_ptr<const void> owner);
  // Of what was read before.
  explicit DirectoryReader(const DirectoryRecords& records);

  // Reads now, as far as there is room, what next() would.
  void fill();
  // Reads one block more into memory, and closes the directory when there is none. Whether it is
  // still open.
  bool read_out();
  // The next entry but "." and ".."; false at the end or on an error.
  bool next(Item& item);
  int error() const { return error_; }  // errno, 0 if all went well

 private:
  void read();

  std::shared_ptr<const void> owner_;  // of the descriptor
  int fd_ = -1;
  std::unique_ptr<char[]> buffer_;
  std::size_t room_ = 0;  // bytes
  std::size_t at_ = 0;
  std::size_t filled_ = 0;
  bool ended_ = false;  // there is no more to be read
  int error_ = 0;
};

}  // namespace lookout
