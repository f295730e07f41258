// What to run and how: plain data, as the other side has asked for it.
#pragma once

#include <sys/resource.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
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
  // How long processes that the command leaves behind may go on after its exit.
  std::chrono::milliseconds linger{500};
  bool cgroup = true;  // run it in a cgroup of its own where one can be had

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
