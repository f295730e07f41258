// What to run and how: the plain data of a spawn request. SpawnRequest and Fswatch create it;
// Command and the functions of command/ read it.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace lookout {

// Sets a variable, or removes it if there is no value.
struct EnvironmentChange {
  std::string name;
  std::optional<std::string> value;

  bool operator==(const EnvironmentChange&) const = default;
};

// Where standard output or standard error goes.
struct OutputTarget {
  enum class Kind {
    pipe,           // streamed
    null,           // /dev/null
    inherit,        // where standard error of lookout_port goes
    merge,          // only for standard error: where standard output goes
    file,           // truncated, or created if missing
    file_appended,  // appended to, or created if missing
  };
  Kind kind = Kind::pipe;
  std::string path;  // absolute path of the file

  bool operator==(const OutputTarget&) const = default;
};

struct WindowSize {
  std::uint16_t rows = 24;
  std::uint16_t columns = 80;

  bool operator==(const WindowSize&) const = default;
};

struct ResourceLimit {
  int resource;  // RLIMIT_*
  rlim_t soft;
  rlim_t hard;

  bool operator==(const ResourceLimit&) const = default;
};

// Limits of the whole tree of a command: cgroups(7), version 2.
struct CgroupLimits {
  std::optional<std::uint64_t> memory_max;  // bytes
  std::optional<std::uint64_t> cpu_max;     // microseconds of CPU time in each 100 ms
  std::optional<std::uint64_t> pids_max;    // processes and threads

  bool operator==(const CgroupLimits&) const = default;
  bool any() const { return memory_max || cpu_max || pids_max; }
};

// A user or a group, by its name in the database or by its number.
using NameOrId = std::variant<std::string, id_t>;

struct LaunchSpec {
  // The program and its arguments. A program name without a slash is searched in the PATH of the
  // command; a relative one with a slash is resolved against `directory`.
  std::vector<std::string> argv;
  std::vector<EnvironmentChange> environment;
  bool clear_environment = false;
  std::string directory = "/";
  bool input = false;  // a pipe; else /dev/null
  OutputTarget output;
  OutputTarget errors;
  // A terminal replaces all three streams. Its output is reported as standard output.
  std::optional<WindowSize> terminal;
  std::vector<ResourceLimit> limits;
  std::optional<int> nice;  // -20 to 19
  // If none of these is given, the command keeps the ids of lookout_port. Otherwise missing values
  // follow from the user: its primary group and its supplementary groups in the database. Without a
  // user there are no supplementary groups.
  std::optional<NameOrId> user;
  std::optional<NameOrId> group;
  std::optional<std::vector<NameOrId>> groups;  // supplementary
  // How long processes that the command leaves behind may run after its exit. Without a value they
  // are left alone.
  std::optional<std::chrono::milliseconds> linger{500};
  // The stop signal, and the time between it and SIGKILL where stop() gives no other: at the
  // shutdown of lookout_port, and for processes that the command leaves behind.
  int stop_signal = SIGTERM;
  std::chrono::milliseconds grace{500};
  bool cgroup = true;          // run the command in a cgroup of its own if possible
  CgroupLimits cgroup_limits;  // with any limit, fail without a cgroup
  // A launch without an outcome fails after this time: the program may be on a hanging file system,
  // or the command may have stopped or frozen the process that reports the launch.
  std::chrono::milliseconds launch_timeout{30'000};

  bool operator==(const LaunchSpec&) const = default;
};

// How a command ended.
struct ExitStatus {
  int code = 0;    // 0 to 255
  int signal = 0;  // the signal that ended it; 0 where it exited

  bool operator==(const ExitStatus&) const = default;
};

enum class OutputStreamName { output, errors };

}  // namespace lookout
