// The properties of file systems that matter for watching and listing. Reconciler owns FileSystems;
// DirectoryWatcher and HintIntake call it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>

namespace lookout {

// The properties of a file system type (f_type of statfs(2)).
struct FileSystem {
  // Whether getdents64(2) returns the same inode numbers as stat(2). The usual local file systems
  // do so; overlayfs and network file systems may not.
  bool trusted = false;
  // Whether a listing after lseek(2) to offset 0 contains the entries that were created between
  // open(2) and lseek(2). btrfs (Linux 6.5) and tmpfs (Linux 6.11 to 6.13) fix the end of a listing
  // when the directory is opened; tmpfs fixes it again on lseek(2).
  bool live = false;
  // The name of the type if other hosts or processes may change the file system without an event in
  // this kernel; empty otherwise.
  std::string_view remote;
  // The name of the type if the kernel generates the contents when they are read; empty otherwise.
  std::string_view pseudo;
  // f_fsid and f_type of statfs(2); set by file_system_of() alone.
  std::uint64_t id = 0;
  std::uint64_t type = 0;
};
// The name of the file system whose directories are mount triggers: opening one mounts another file
// system there.
inline constexpr std::string_view kAutofs = "autofs";
FileSystem file_system_of_type(std::uint64_t statfs_type);
// The file system of an open file or directory, also of one opened with O_PATH; nullopt if
// fstatfs(2) fails.
std::optional<FileSystem> file_system_of(int fd);

// Whether a system call on a file system of this type may block until another host or process
// answers. `type` is a name as in /proc/self/mountinfo.
bool may_block(std::string_view type);

// A cache of file systems by device number.
class FileSystems {
 public:
  const FileSystem& of(int directory_fd, std::uint64_t device);
  void forget() { known_.clear(); }  // the kernel may reuse a device number
  // Returns the last known file system with this device number, even after forget(); nullptr if
  // there was none.
  const FileSystem* last(std::uint64_t device) const {
    const auto found = last_.find(device);
    return found == last_.end() ? nullptr : &found->second;
  }

 private:
  std::unordered_map<std::uint64_t, FileSystem> known_;
  std::unordered_map<std::uint64_t, FileSystem> last_;
};

}  // namespace lookout
