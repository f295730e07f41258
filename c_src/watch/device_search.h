// Finds out which file systems of a snapshot exist now. Cursor owns it, and calls step() in its
// slices.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "snapshot/format.h"
#include "watch/disk/remote_mounts.h"
#include "watch/model/tree_loader.h"

namespace lookout {

class DeviceSearch {
 public:
  explicit DeviceSearch(const SnapshotHeader& header);

  // Checks which file system has one of the directories that the snapshot names. Returns false when
  // all have been checked.
  bool step(const RemoteMounts& mounts);
  // What the file systems of the snapshot are now, in their order.
  std::vector<TreeLoader::Device> found(const std::vector<SnapshotDevice>& devices) const;

 private:
  std::vector<std::string> places_;
  std::size_t next_ = 0;
  // st_dev, by number and type in statfs(2).
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::uint64_t> numbers_;
};

}  // namespace lookout
