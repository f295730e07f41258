// A cgroup of its own for a command (cgroups(7), version 2). The kernel kills all processes of a
// cgroup at once; a walk through /proc cannot catch processes that fork without end.
//
// prepare_launch() creates the Cgroup, and Command::Running then owns it. The guardian, another
// process, kills and removes the cgroup with the free functions below.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "command/launch_spec.h"
#include "support/error.h"
#include "support/unique_fd.h"

namespace lookout {

// Removes a cgroup that has no processes, and all cgroups that its processes have created below it.
// There may be many of them, so the removal runs in slices. At any depth it needs two descriptors
// and no recursion.
class CgroupRemoval {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  explicit CgroupRemoval(std::string path) : path_(std::move(path)) {}

  // Removes cgroups until `end`. Returns true when all are gone, or when the rest cannot be
  // removed.
  bool go_on(TimePoint end);

 private:
  bool remove_next();

  std::string path_;
  UniqueFd directory_;  // the current cgroup, path_ or below it; empty between two attempts
  std::vector<std::string> names_;  // path components from path_ to directory_
  int tries_ = 0;                   // attempts since the last removed cgroup
};

class Cgroup {
 public:
  // Creates a cgroup below the cgroup of this process. Returns nothing if there is no writable
  // cgroup v2 hierarchy, or if the kernel has no cgroup.kill (Linux 5.14).
  static std::optional<Cgroup> make();
  // Creates a cgroup and sets its limits. It is created below the cgroup of this process, or below
  // the parent of that one if systemd has delegated the parent. The controllers of the limits must
  // be enabled there for child cgroups; otherwise the result is `enotsup`, and its detail names
  // what is missing.
  static Result<Cgroup> make(const CgroupLimits& limits);

  Cgroup(Cgroup&& other) noexcept = default;
  Cgroup& operator=(Cgroup&& other) noexcept = default;
  ~Cgroup();  // tries to remove the cgroup, for a limited time

  const std::string& path() const { return path_; }
  int directory() const { return directory_.get(); }
  void kill() const;
  bool remove(CgroupRemoval::TimePoint end) { return removal_.go_on(end); }

 private:
  static std::optional<Cgroup> make_below(const std::string& parent);

  Cgroup(std::string path, UniqueFd directory);

  std::string path_;
  UniqueFd directory_;
  UniqueFd kill_file_;
  CgroupRemoval removal_;
};

// Returns the names of the controllers that the limits need: "memory", "cpu", "pids".
std::vector<std::string> controllers_of(const CgroupLimits& limits);

// Enables the controllers for the children of the cgroup at this path, unless they are enabled
// already. Returns nothing on success, else the reason for the failure.
std::optional<std::string> enable_below(const std::string& cgroup,
                                        const std::vector<std::string>& controllers);

// Returns the cgroup below which a cgroup with these controllers can be created: `own`, or, if that
// is not possible, the parent of `own` if systemd has delegated it. Enables the controllers for its
// children.
Result<std::string> limitable_parent(const std::string& own,
                                     const std::vector<std::string>& controllers);

// Writes the limits of a cgroup. pids.max includes one more process, the one that launches the
// command, until set_pids_max() is called. Returns false with errno.
bool set_limits(int directory, const CgroupLimits& limits);
bool set_pids_max(int directory, std::uint64_t processes);

// Opens cgroup.kill, the file that kills every process of a cgroup. Open it before the command
// runs: the command may lower the limit of open files of this process (prlimit(2)).
UniqueFd open_kill_file(int directory);
// Returns whether the write to cgroup.kill succeeded.
bool kill_cgroup(int kill_file);

// Opens cgroup.events.
UniqueFd open_events_file(int directory);
// Returns whether processes run in a cgroup or in one below it; false if that cannot be read.
// `events_file` is its cgroup.events.
bool is_populated(int events_file);
// Returns the processes of a cgroup itself; empty if they cannot be read.
std::vector<pid_t> processes_in(int directory);

// Removes a cgroup and all cgroups below it, without a time limit. A missing cgroup is no error.
void remove_cgroup(const std::string& path);

// Returns whether `child`, a child of this process, is in other cgroups than this process. Returns
// false if /proc does not show it.
bool is_in_another_cgroup(pid_t child);

// Returns the path in the file system of the cgroup of a process, given the contents of its
// /proc/PID/mountinfo and /proc/PID/cgroup; empty if there is no cgroup v2. Pure.
std::string cgroup_path(std::string_view mountinfo, std::string_view cgroup);

}  // namespace lookout
