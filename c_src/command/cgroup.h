// A cgroup of a command's own (cgroups(7), version 2): its processes can be ended all at once,
// which no walk through /proc can do to those that fork without end.
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

// Removes a cgroup without processes, and the cgroups that its processes have made below it, which
// may be many: a piece at a time. However deep they are, this takes two descriptors and no
// recursion.
class CgroupRemoval {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  explicit CgroupRemoval(std::string path) : path_(std::move(path)) {}

  // Removes cgroups until `end`. True when all are gone, or what is left cannot be removed.
  bool go_on(TimePoint end);

 private:
  bool remove_next();

  std::string path_;
  UniqueFd directory_;              // where it is, below path_; empty between two passes
  std::vector<std::string> names_;  // those from path_ down to it
  int tries_ = 0;                   // passes since a cgroup was removed
};

class Cgroup {
 public:
  // A new one below that of this process. None where there is no cgroup v2 that may be written, or
  // one without cgroup.kill (Linux 5.14).
  static std::optional<Cgroup> make();
  // The same with limits, which are set. It is made below the cgroup of this process, or beside it
  // where that above it is delegated by systemd. `enotsup`, with what is missing, where it cannot
  // be had: the controllers of the limits must be enabled there for the cgroups below.
  static Result<Cgroup> make(const CgroupLimits& limits);

  Cgroup(Cgroup&& other) noexcept = default;
  Cgroup& operator=(Cgroup&& other) noexcept = default;
  ~Cgroup();  // removes it, but not for long

  const std::string& path() const { return path_; }
  int directory() const { return directory_.get(); }
  void kill() const;  // see kill_cgroup()
  // See CgroupRemoval.
  bool remove(CgroupRemoval::TimePoint end) { return removal_.go_on(end); }

 private:
  static std::optional<Cgroup> make_below(const std::string& parent);

  Cgroup(std::string path, UniqueFd directory);

  std::string path_;
  UniqueFd directory_;
  UniqueFd kill_file_;
  CgroupRemoval removal_;
};

// The names of the controllers that limits need: "memory", "cpu", "pids".
std::vector<std::string> controllers_of(const CgroupLimits& limits);

// Enables controllers for the cgroups below one, given by its path, unless they are. Nothing, or
// why that cannot be done.
std::optional<std::string> enable_below(const std::string& cgroup,
                                        const std::vector<std::string>& controllers);

// The cgroup below which one with these controllers can be made: this one, where that is not
// possible the one above if it is delegated by systemd. They are enabled for the cgroups below it.
Result<std::string> limitable_parent(const std::string& own,
                                     const std::vector<std::string>& controllers);

// Writes the limits of a cgroup; pids.max with room for the process that launches the command,
// until set_pids_max(). False with errno.
bool set_limits(int directory, const CgroupLimits& limits);
bool set_pids_max(int directory, std::uint64_t processes);

// The file that ends every process in a cgroup. It is opened before the command runs, which may
// take the limit of open files away.
UniqueFd open_kill_file(int directory);
void kill_cgroup(int kill_file);

// Removes a cgroup and those below it, however long that takes; no matter if it is gone.
void remove_cgroup(const std::string& path);

// Whether a process has been moved out of the cgroups of this one, whose child it is. False where
// /proc does not show it.
bool is_in_another_cgroup(pid_t child);

// Where the cgroup of a process stands in the file system, from the lines of its
// /proc/PID/mountinfo and /proc/PID/cgroup; empty where there is no version 2. Pure.
std::string cgroup_path(std::string_view mountinfo, std::string_view cgroup);

}  // namespace lookout
