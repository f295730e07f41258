// A cgroup of a command's own (cgroups(7), version 2): its processes can be ended all at once,
// which no walk through /proc can do to those that fork without end.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "support/unique_fd.h"

namespace lookout {

class Cgroup {
 public:
  // A new one below that of this process. None where there is no cgroup v2 that may be written, or
  // one without cgroup.kill (Linux 5.14).
  static std::optional<Cgroup> make();

  Cgroup(Cgroup&& other) noexcept = default;
  Cgroup& operator=(Cgroup&& other) noexcept = default;
  ~Cgroup();

  const std::string& path() const { return path_; }
  int directory() const { return directory_.get(); }

 private:
  Cgroup(std::string path, UniqueFd directory)
      : path_(std::move(path)), directory_(std::move(directory)) {}

  std::string path_;
  UniqueFd directory_;
};

// Ends every process in the cgroup whose directory this is.
void kill_cgroup(int directory);

// Removes a cgroup without processes; no matter if it is gone.
void remove_cgroup(const std::string& path);

// Where the cgroup of a process stands in the file system, from the lines of its
// /proc/PID/mountinfo and /proc/PID/cgroup; empty where there is no version 2. Pure.
std::string cgroup_path(std::string_view mountinfo, std::string_view cgroup);

}  // namespace lookout
