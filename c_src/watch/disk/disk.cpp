#include "watch/disk/disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <limits>

#include "watch/disk/confinement.h"
#include "watch/model/hash.h"

namespace lookout {
namespace {

constexpr std::int64_t kNanoseconds = 1'000'000'000;
constexpr std::size_t kListingBuffer = 32768;
constexpr std::size_t kRoomForOne = 1024;  // bytes; more than any record takes

// File systems keep times after the year 2262, which have no 64-bit number of nanoseconds: the
// limit stands for them.
std::int64_t nanoseconds(const statx_timestamp& time) {
  using Limits = std::numeric_limits<std::int64_t>;
  if (time.tv_sec >= Limits::max() / kNanoseconds) return Limits::max();
  if (time.tv_sec <= Limits::min() / kNanoseconds) return Limits::min();
  return time.tv_sec * kNanoseconds + time.tv_nsec;
}

// The same modulo 2^64: two such times still differ.
std::uint64_t wrapped_nanoseconds(const statx_timestamp& time) {
  return static_cast<std::uint64_t>(time.tv_sec) * static_cast<std::uint64_t>(kNanoseconds) +
         time.tv_nsec;
}

EntryType type_of_mode(std::uint32_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return EntryType::file;
    case S_IFDIR:
      return EntryType::directory;
    case S_IFLNK:
      return EntryType::symlink;
    default:
      return EntryType::other;
  }
}

std::optional<EntryType> type_of_listing(unsigned char d_type) {
  switch (d_type) {
    case DT_UNKNOWN:
      return std::nullopt;
    case DT_REG:
      return EntryType::file;
    case DT_DIR:
      return EntryType::directory;
    case DT_LNK:
      return EntryType::symlink;
    default:
      return EntryType::other;
  }
}

// The offsets of the fields in a getdents64(2) record.
constexpr std::size_t kInodeAt = 0;
constexpr std::size_t kLengthAt = 16;
constexpr std::size_t kTypeAt = 18;
constexpr std::size_t kNameAt = 19;

std::size_t length_of(const char* record) {
  std::uint16_t length = 0;
  std::memcpy(&length, record + kLengthAt, sizeof length);
  return length;
}

std::string_view name_in(const char* record) {
  const char* const name = record + kNameAt;
  return {name, strnlen(name, length_of(record) - kNameAt)};
}

}  // namespace

namespace {

std::variant<FileStatus, int> stat_at(int directory_fd, const std::string& name, int flags) {
  struct statx seen {};
  if (::statx(directory_fd, name.c_str(), flags | AT_NO_AUTOMOUNT, STATX_BASIC_STATS | STATX_BTIME,
              &seen) != 0) {
    return errno;
  }
  FileStatus found{};
  found.type = type_of_mode(seen.stx_mode);
  found.identity = {makedev(seen.stx_dev_major, seen.stx_dev_minor), seen.stx_ino};
  found.mode = seen.stx_mode;
  found.links = seen.stx_nlink;
  found.size = seen.stx_size;
  found.mtime = nanoseconds(seen.stx_mtime);
  found.mtime_excess =
      wrapped_nanoseconds(seen.stx_mtime) - static_cast<std::uint64_t>(found.mtime);
  found.ctime = nanoseconds(seen.stx_ctime);
  found.mounted = (seen.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
  if ((seen.stx_mask & STATX_BTIME) != 0) found.birth = nanoseconds(seen.stx_btime);
  return found;
}

}  // namespace

std::variant<FileStatus, int> stat_entry(int directory_fd, const std::string& name) {
  return stat_at(directory_fd, name, AT_SYMLINK_NOFOLLOW);
}

namespace {

// Where watching is confined, the target of a link that leads out may not be searched (EACCES).
std::variant<FileStatus, int> stat_allowed_target(int directory_fd, const std::string& name) {
  const UniqueFd target(::openat(directory_fd, name.c_str(), O_PATH | O_CLOEXEC));
  if (!target) return errno;
  if (!is_allowed(target.get())) return EACCES;
  return stat_at(target.get(), "", AT_EMPTY_PATH);
}

}  // namespace

std::variant<FileStatus, int> stat_target(int directory_fd, const std::string& name) {
  auto checked =
      is_confined() ? stat_allowed_target(directory_fd, name) : stat_at(directory_fd, name, 0);
  if (FileStatus* seen = std::get_if<FileStatus>(&checked)) {
    seen->linked = true;
  } else if (const int code = std::get<int>(checked); code == ELOOP || code == ENOTDIR) {
    return ENOENT;  // the target does not exist
  }
  return checked;
}

std::variant<FileStatus, int> stat_open_target(int target_fd) {
  if (!is_allowed(target_fd)) return EACCES;
  auto checked = stat_at(target_fd, "", AT_EMPTY_PATH);
  if (FileStatus* seen = std::get_if<FileStatus>(&checked)) seen->linked = true;
  return checked;
}

std::uint64_t mount_of(int directory_fd) {
  struct statx seen {};
  if (::statx(directory_fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &seen) != 0) return 0;
  return (seen.stx_mask & STATX_MNT_ID) != 0 ? seen.stx_mnt_id : 0;
}

bool is_mount_root(int directory_fd) {
  struct statx seen {};
  return ::statx(directory_fd, "", AT_EMPTY_PATH, 0, &seen) == 0 &&
         (seen.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

namespace {

std::int64_t time_by(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return now.tv_sec * kNanoseconds + now.tv_nsec;
}

}  // namespace

std::int64_t inode_clock() {
  return time_by(CLOCK_REALTIME_COARSE);
}

std::int64_t monotonic_clock() {
  return time_by(CLOCK_MONOTONIC_COARSE);
}

namespace {

// Opens the directory again instead of calling dup(2), which would share the offset. The caller
// must have added the watch before, since a file system may fix the end of the listing when the
// directory is opened (btrfs, Linux 6.5).
UniqueFd open_to_list(int directory_fd) {
  return UniqueFd(::openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

}  // namespace

DirectoryRecords read_records(int directory_fd, std::size_t most) {
  const UniqueFd fd = open_to_list(directory_fd);
  if (!fd) return {{}, errno};
  DirectoryRecords records;
  for (std::size_t filled = 0;;) {
    records.bytes.resize(filled + kListingBuffer);
    const long got =
        ::syscall(SYS_getdents64, fd.get(), records.bytes.data() + filled, kListingBuffer);
    if (got < 0) records.error = errno;
    filled += static_cast<std::size_t>(std::max(got, 0L));
    records.bytes.resize(filled);
    if (got <= 0) return records;
    if (filled > most) return {{}, EOVERFLOW};
  }
}

DirectoryReader::DirectoryReader(int directory_fd)
    : buffer_(std::make_unique_for_overwrite<char[]>(kListingBuffer)), room_(kListingBuffer) {
  auto opened = std::make_shared<UniqueFd>(open_to_list(directory_fd));
  fd_ = opened->get();
  ended_ = fd_ < 0;
  if (ended_) error_ = errno;
  owner_ = std::move(opened);
}

DirectoryReader::DirectoryReader(int directory_fd, std::shared_ptr<const void> owner)
    : owner_(std::move(owner)),
      fd_(directory_fd),
      buffer_(std::make_unique_for_overwrite<char[]>(kListingBuffer)),
      room_(kListingBuffer) {
  ended_ = ::lseek(fd_, 0, SEEK_SET) != 0;
  if (ended_) error_ = errno;
}

DirectoryReader::DirectoryReader(const DirectoryRecords& records)
    : buffer_(std::make_unique_for_overwrite<char[]>(records.bytes.size())),
      room_(records.bytes.size()),
      filled_(records.bytes.size()),
      ended_(true),
      error_(records.error) {
  std::memcpy(buffer_.get(), records.bytes.data(), records.bytes.size());
}

// Reads one block into the buffer, behind the bytes that it has.
void DirectoryReader::read() {
  const long got = ::syscall(SYS_getdents64, fd_, buffer_.get() + filled_, room_ - filled_);
  if (got < 0) error_ = errno;
  ended_ = got <= 0;
  filled_ += static_cast<std::size_t>(std::max(got, 0L));
}

void DirectoryReader::fill() {
  while (!ended_ && filled_ + kRoomForOne <= room_) read();
}

void DirectoryReader::stat_ahead(const Names& except, const std::atomic<bool>& stop) {
  for (std::size_t at = at_; at < filled_ && !stop.load(std::memory_order_relaxed);) {
    const char* const record = buffer_.get() + at;
    if (type_of_listing(static_cast<unsigned char>(record[kTypeAt])) == EntryType::file) {
      const std::string name(name_in(record));
      if (!except.contains(name)) {
        const auto found = stat_entry(fd_, name);
        if (const auto* status = std::get_if<FileStatus>(&found)) ahead_.push_back({at, *status});
      }
    }
    at += length_of(record);
  }
}

bool DirectoryReader::read_out() {
  if (!owner_) return false;
  if (!ended_) {
    if (filled_ + kListingBuffer > room_) {
      room_ = 2 * (room_ + kListingBuffer);
      auto larger = std::make_unique_for_overwrite<char[]>(room_);
      std::memcpy(larger.get(), buffer_.get(), filled_);
      buffer_ = std::move(larger);
    }
    read();
  }
  if (ended_) owner_.reset();
  return !ended_;
}

bool DirectoryReader::next(Item& item) {
  for (;;) {
    if (at_ == filled_) {
      if (ended_) return false;
      at_ = filled_ = 0;
      ahead_.clear();
      next_ahead_ = 0;
      read();
      if (filled_ == 0) return false;
    }
    const char* const record = buffer_.get() + at_;
    std::memcpy(&item.inode, record + kInodeAt, sizeof item.inode);
    item.type = type_of_listing(static_cast<unsigned char>(record[kTypeAt]));
    item.name = name_in(record);
    const bool known = next_ahead_ < ahead_.size() && ahead_[next_ahead_].at == at_;
    item.status = known ? &ahead_[next_ahead_++].status : nullptr;
    at_ += length_of(record);
    if (item.name != "." && item.name != "..") return true;
  }
}

}  // namespace lookout
