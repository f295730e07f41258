// What is known of the file systems that are met.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>

namespace lookout {

// A kind of file system as statfs(2) tells it.
struct FileSystem {
  // Whether the inode numbers of a listing are those of stat(2). They are on the usual local file
  // systems; on overlayfs and network file systems they need not be.
  bool trusted = false;
  // Whether a listing through an offset that was set to 0 shows what was made between the opening
  // of the directory and that. btrfs (Linux 6.5) and tmpfs (Linux 6.11 to 6.13) fix the end of a
  // listing when the directory is opened; tmpfs fixes it anew when the offset is set.
  bool live = false;
  // Its name where others may change it unseen by this kernel; empty otherwise.
  std::string_view remote;
  // Its name where the kernel makes up what is on it as it is read; empty otherwise.
  std::string_view pseudo;
};
// The name of the one whose directories have something mounted at them when they are opened.
inline constexpr std::string_view kAutofs = "autofs";
FileSystem file_system_of_type(std::uint64_t statfs_type);
// Of an open directory; nullopt where statfs(2) fails.
std::optional<FileSystem> file_system_of(int directory_fd);

// Whether a call on a file system whose type has this name in /proc/self/mountinfo waits for
// another host or process, for as long as that does not answer.
bool may_block(std::string_view type);

// The file systems of the devices met so far.
class FileSystems {
 public:
  const FileSystem& of(int directory_fd, std::uint64_t device);
  void forget() { known_.clear(); }  // a device number may come to stand for another file system

 private:
  std::unordered_map<std::uint64_t, FileSystem> known_;
};

}  // namespace lookout
