// What to run and how: plain data, as the other side has asked for it.
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

// A variable that is set, or taken out where there is no value.
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
    inherit,        // where standard error of this program goes
    merge,          // standard error only: where standard output goes
    file,           // written from its beginning; made where there is none
    file_appended,  // written at its end
  };
  Kind kind = Kind::pipe;
  std::string path;  // of the file, absolute

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

// Limits of a whole tree: cgroups(7), version 2.
struct CgroupLimits {
  std::optional<std::uint64_t> memory_max;  // bytes
  std::optional<std::uint64_t> cpu_max;     // microseconds of CPU time in each 100 ms
  std::optional<std::uint64_t> pids_max;    // processes and threads

  bool operator==(const CgroupLimits&) const = default;
  bool any() const { return memory_max || cpu_max || pids_max; }
};

// A user or a group: by its name in the database, or its number.
using NameOrId = std::variant<std::string, id_t>;

struct LaunchSpec {
  // The program and its arguments. A program without a slash is looked for in PATH, as the command
  // will see it; one with a slash that is relative, from `directory`.
  std::vector<std::string> argv;
  std::vector<EnvironmentChange> environment;
  bool clear_environment = false;
  std::string directory = "/";
  bool input = false;  // a pipe to write to; else /dev/null
  OutputTarget output;
  OutputTarget errors;
  // A terminal instead of all three: its output comes as standard output.
  std::optional<WindowSize> terminal;
  std::vector<ResourceLimit> limits;
  std::optional<int> nice;  // -20 to 19
  // Those of lookout_port where none of them is given. Else, what is missing follows from the user:
  // its primary group, and the supplementary groups of the database; without a user there are none.
  std::optional<NameOrId> user;
  std::optional<NameOrId> group;
  std::optional<std::vector<NameOrId>> groups;  // supplementary
  // How long processes that the command leaves behind may go on after its exit; nothing: they are
  // left alone.
  std::optional<std::chrono::milliseconds> linger{500};
  // What asks its processes to end, and how long they then have before SIGKILL where no stop() says
  // so: at the end of lookout_port, and for what was left behind.
  int stop_signal = SIGTERM;
  std::chrono::milliseconds grace{500};
  bool cgroup = true;          // run it in a cgroup of its own where one can be had
  CgroupLimits cgroup_limits;  // with one of them, it does not run without a cgroup
  // After which a launch without an outcome has failed: the program is on a file system that hangs,
  // or the command has frozen or stopped who reports that it runs.
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
