// The walker: what stands on the disk, found by plain getdents and fstatat, with no path that
// could be too long.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace lookout::oracle {

enum class FileType : std::uint8_t { file, directory, symlink, other };

using FileId = std::pair<std::uint64_t, std::uint64_t>;  // device and inode

// A directory as one mount shows it. Another mount of it may have other mounts below.
struct View {
  FileId id;
  std::uint64_t mount = 0;  // 0 before Linux 5.8
  auto operator<=>(const View&) const = default;
};

struct SnapshotNode {
  FileType type = FileType::directory;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t mtime_ns = 0;  // since the epoch
  std::int64_t ctime_ns = 0;
  std::uint32_t mode = 0;  // with the type, as in inode(7)
  bool mounted = false;    // a mount point (since Linux 5.8)
  std::map<std::string, std::unique_ptr<SnapshotNode>> children{};
  std::string rules{};             // what a file holds that is named .gitignore or exclude
  bool begins_repository = false;  // it is named .git, and a directory or a link to one or nowhere
  std::optional<View> leads_to{};  // the directory that a symbolic link leads to

  FileId id() const { return {device, inode}; }
};

// The directories that symbolic links lead to, each once. Links in them are not followed in place.
using Beyond = std::map<View, std::unique_ptr<SnapshotNode>>;

// What to do where an entry is gone before it was looked at: `skip` it where the directory does not
// rest.
enum class Vanished : std::uint8_t { fail, skip };

// With `beyond`, also finds what symbolic links lead to. Throws std::system_error where a directory
// cannot be read.
std::unique_ptr<SnapshotNode> walk(const std::string& root, Vanished vanished = Vanished::fail,
                                   Beyond* beyond = nullptr);

// The same of a directory that is open, wherever its path leads by now. `name` is for errors only.
std::unique_ptr<SnapshotNode> walk(int directory, const std::string& name,
                                   Vanished vanished = Vanished::fail, Beyond* beyond = nullptr);

}  // namespace lookout::oracle
