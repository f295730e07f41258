// Notices that file systems are mounted and unmounted: what stands below such a place is another
// tree from then on, and no watch tells of it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "support/unique_fd.h"

namespace lookout {

// What is mounted at each place: mount and device numbers, the lowest mount first.
using Mounts = std::map<std::string, std::string>;

// The device number of the highest one.
std::uint64_t highest_device(const std::string& mounted);

// Reads the text of /proc/self/mountinfo (proc_pid_mountinfo(5)); lines that are none are passed
// over.
Mounts parse_mounts(std::string_view text);

// The type of the file system that shows at each place: the highest one.
using MountTypes = std::map<std::string, std::string>;
MountTypes parse_mount_types(std::string_view text);

// The places where something else is mounted in one than in the other; those above come first.
std::vector<std::string> changed_places(const Mounts& before, const Mounts& after);

class MountWatch {
 public:
  // Where there is no /proc nothing will be noticed.
  MountWatch();

  // Where the table could not be opened for a transient reason (no descriptors, no memory): tries
  // again. True when it is open now, and all may have changed.
  bool reopen();
  // To be waited on for exceptional conditions (EPOLLPRI, since Linux 2.6.30); -1 where nothing
  // will be noticed.
  int fd() const { return fd_.get(); }
  // Whether a change is signalled that nobody was told of yet, without waiting.
  bool signalled() const;
  // The places that have changed since this was last called. Reads the whole table.
  std::vector<std::string> changes();
  // All places, as they were then.
  std::vector<std::string> places() const;
  const Mounts& mounts() const { return known_; }
  const MountTypes& types() const { return types_; }

 private:
  void open();
  std::string text() const;
  Mounts read();

  UniqueFd fd_;
  bool again_ = false;  // to be opened
  MountTypes types_;
  Mounts known_;
};

}  // namespace lookout
