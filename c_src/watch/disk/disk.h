// statx(2) and getdents64(2) calls. All are relative to an open directory, so no path is ever too
// long. The classes of disk/, roots/ and reconcile/ call them.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <variant>
#include <vector>

#include "support/unique_fd.h"
#include "watch/model/entry.h"
#include "watch/model/file_status.h"
#include "watch/model/transient.h"
#include "watch/model/tree.h"

namespace lookout {

// Stats the entry itself, without following a symbolic link. Returns an errno on failure.
std::variant<FileStatus, int> stat_entry(int directory_fd, const std::string& name);
// Stats the target of a symbolic link. A target that does not exist is ENOENT, and so are ELOOP and
// ENOTDIR.
std::variant<FileStatus, int> stat_target(int directory_fd, const std::string& name);
// The same for a target that is open (O_PATH).
std::variant<FileStatus, int> stat_open_target(int target_fd);

// Whether this directory is the root of a mount (since Linux 5.8; false before).
bool is_mount_root(int directory_fd);
// The ID of the mount through which a directory was opened (since Linux 5.8; 0 before).
std::uint64_t mount_of(int directory_fd);

// The clock from which the kernel takes inode timestamps, in nanoseconds since the epoch.
std::int64_t inode_clock();
// A clock with the same resolution that is never set, in nanoseconds.
std::int64_t monotonic_clock();

// The records of a whole listing, in the format of getdents64(2).
struct DirectoryRecords {
  std::string bytes;
  int error = 0;  // the errno with which reading stopped; 0: the listing is complete
};
// A listing of more bytes than `most` fails with EOVERFLOW, since a server may return records
// without end.
inline constexpr std::size_t kMaxRecordBytes = std::size_t{256} << 20;  // about 8,000,000 entries
DirectoryRecords read_records(int directory_fd, std::size_t most = kMaxRecordBytes);

// Reads the entries of a directory, block by block.
class DirectoryReader {
 public:
  struct Item {
    std::string name;
    std::uint64_t inode;
    std::optional<EntryType> type;  // nullopt where the file system returns DT_UNKNOWN
    const FileStatus* status;       // if stat_ahead() has it; valid until the next call of next()
  };
  using Names = std::unordered_set<std::string>;

  // Opens the directory again, for which the caller has added a watch before. Throws nothing; check
  // `error()`.
  explicit DirectoryReader(int directory_fd);
  // Reads through the descriptor itself, from offset 0; nothing else may use its offset. `owner`
  // keeps it open.
  DirectoryReader(int directory_fd, std::shared_ptr<const void> owner);
  // Returns the entries of records that were read before.
  explicit DirectoryReader(const DirectoryRecords& records);

  // Reads ahead for next(), as much as fits into the buffer.
  void fill();
  // Stats the regular files that fill() has read, but those with a name of `except`, until another
  // thread sets `stop`.
  void stat_ahead(const Names& except, const std::atomic<bool>& stop);
  // Reads one more block into memory and enlarges the buffer if needed. Closes the directory at its
  // end or on an error. Returns whether the directory is still open.
  bool read_out();
  // Returns the next entry, skipping "." and ".."; false at the end or on an error.
  bool next(Item& item);
  int error() const { return error_; }  // an errno; 0: no error

 private:
  struct Ahead {
    std::size_t at;  // of the record in the buffer
    FileStatus status;
  };
  void read();

  std::shared_ptr<const void> owner_;  // keeps fd_ open
  int fd_ = -1;
  std::unique_ptr<char[]> buffer_;
  std::size_t room_ = 0;  // bytes
  std::size_t at_ = 0;
  std::size_t filled_ = 0;
  std::vector<Ahead> ahead_;  // of the block in the buffer
  std::size_t next_ahead_ = 0;
  bool ended_ = false;  // getdents64(2) has reached the end or failed
  int error_ = 0;
};

}  // namespace lookout
