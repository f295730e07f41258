// The walker: what stands on the disk, found by plain getdents and fstatat, with no path that
// could be too long.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace lookout::oracle {

enum class FileType : std::uint8_t { file, directory, symlink, other };

struct SnapshotNode {
  FileType type = FileType::directory;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t mtime_ns = 0;  // since the epoch
  std::int64_t ctime_ns = 0;
  std::uint32_t mode = 0;  // with the type, as in inode(7)
  std::map<std::string, std::unique_ptr<SnapshotNode>> children{};
};

// What to do where an entry is gone before it was looked at: `skip` it where the directory does not
// rest.
enum class Vanished : std::uint8_t { fail, skip };

// Throws std::system_error where the directory, or something below it, cannot be read.
std::unique_ptr<SnapshotNode> walk(const std::string& root, Vanished vanished = Vanished::fail);

}  // namespace lookout::oracle
