#include "watch/device_search.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <optional>
#include <set>
#include <variant>

#include "support/unique_fd.h"
#include "watch/disk/file_system.h"
#include "watch/disk/remote_calls.h"

namespace lookout {
namespace {

// st_dev for a file system of the snapshot that was not found: this number plus its index. No
// device of Linux has it.
constexpr std::uint64_t kNoDevice = 0xffff'ffff'0000'0000;

// Which file system a directory is on now.
struct Found {
  std::uint64_t number = 0;
  FileSystem system;
};

std::optional<Found> find_at(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC));
  struct stat seen {};
  if (!fd || ::fstat(fd.get(), &seen) != 0) return std::nullopt;
  const auto system = file_system_of(fd.get());
  if (!system) return std::nullopt;
  return Found{seen.st_dev, *system};
}

}  // namespace

DeviceSearch::DeviceSearch(const SnapshotHeader& header) {
  std::set<std::string> places;
  for (const SnapshotDevice& device : header.devices) places.insert(device.path);
  for (const SnapshotRoot& root : header.roots) places.insert(root.path);
  places_.assign(places.begin(), places.end());
}

bool DeviceSearch::step(const RemoteMounts& mounts) {
  if (next_ == places_.size()) return false;
  const std::string& place = places_[next_++];
  const auto answer = call_at(mounts, place, "statfs", [place] { return find_at(place); });
  const auto* found = std::get_if<std::optional<Found>>(&answer);
  if (found != nullptr && *found) {
    numbers_.emplace(std::pair{(*found)->system.id, (*found)->system.type}, (*found)->number);
  }
  return true;
}

// A file system is the same by its number and type in statfs(2), never by st_dev, which may be that
// of another one now.
std::vector<TreeLoader::Device> DeviceSearch::found(
    const std::vector<SnapshotDevice>& devices) const {
  std::vector<TreeLoader::Device> found;
  for (const SnapshotDevice& device : devices) {
    const std::uint64_t none = kNoDevice + found.size();
    if (device.file_system == 0 || !file_system_of_type(device.type).trusted) {
      found.push_back({none, true});
      continue;
    }
    const auto number = numbers_.find({device.file_system, device.type});
    found.push_back({number == numbers_.end() ? none : number->second, false});
  }
  return found;
}

}  // namespace lookout
