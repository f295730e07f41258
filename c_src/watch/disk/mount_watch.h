// Detects that a file system is mounted or unmounted. From then on another tree is below the mount
// point, and no watch reports that. MountAlert owns the watch, and waits on its descriptor.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "support/unique_fd.h"

namespace lookout {

// What is mounted at each mount point: mount and device number of each mount, the lowest mount
// first.
using Mounts = std::map<std::string, std::string>;

// The device number of the topmost mount in `mounted`, a value of Mounts.
std::uint64_t highest_device(const std::string& mounted);

// Parses the text of /proc/self/mountinfo (proc_pid_mountinfo(5)). Skips malformed lines.
Mounts parse_mounts(std::string_view text);

// The type of the file system that is visible at each mount point: the topmost one.
using MountTypes = std::map<std::string, std::string>;
MountTypes parse_mount_types(std::string_view text);

// The mount points at which the mounts differ between `before` and `after`, parents first.
std::vector<std::string> changed_places(const Mounts& before, const Mounts& after);

class MountWatch {
 public:
  // Without /proc no change is detected.
  MountWatch();

  // Opens the mount table again if the last attempt failed with a transient error (no descriptors,
  // no memory). Returns true if the table is open now; every mount may have changed meanwhile.
  bool reopen();
  // Poll this descriptor for exceptional conditions (EPOLLPRI, since Linux 2.6.30). -1 if no change
  // can be detected.
  int fd() const { return fd_.get(); }
  // Whether the table has changed since the last call. Does not block. A poll of fd() does not
  // count: whoever polls fd() may act on it later than the next call of this function.
  bool signalled() const;
  // The mount points that have changed since the last call. Reads the whole table.
  std::vector<std::string> changes();
  // All mount points, as of that last read.
  std::vector<std::string> mount_points() const;
  const Mounts& mounts() const { return known_; }
  const MountTypes& types() const { return types_; }

 private:
  void open();
  std::string text() const;
  Mounts read();

  // The kernel remembers for each open file which change a poll has returned.
  UniqueFd fd_;
  UniqueFd asked_;      // for signalled()
  bool again_ = false;  // the table must be opened again
  MountTypes types_;
  Mounts known_;
};

}  // namespace lookout
