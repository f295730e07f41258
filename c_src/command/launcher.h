// Starts a program with Boost.Process. No other code creates the process of a command. Preparation
// owns the LaunchPlan; try_launch() calls launch().
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "command/credentials.h"
#include "command/launch_error.h"
#include "command/launch_spec.h"
#include "command/program_search.h"

namespace lookout {

// A launch whose files are all found and opened. The caller owns the descriptors; they are
// close-on-exec.
struct LaunchPlan {
  ProgramSearch program;
  std::vector<std::string> argv;
  std::vector<std::string> environment;
  int directory = -1;
  std::array<int, 3> standard{-1, -1, -1};  // become descriptors 0, 1 and 2; numbered 3 or above
  bool terminal = false;                    // standard[0] becomes the controlling terminal
  // The ends of the pipes of standard output and standard error that lookout_port reads; -1: none.
  std::array<int, 2> outputs{-1, -1};
  std::vector<ResourceLimit> limits;
  std::optional<int> nice;
  std::optional<Credentials> credentials;
  int cgroup = -1;  // directory of the cgroup to run in; -1: none
  std::string cgroup_path;
  bool needs_cgroup = false;              // it has limits: never launch without it
  std::optional<std::uint64_t> pids_max;  // written once the command is launched
  bool dies_with_parent = true;           // PR_SET_PDEATHSIG
};

// Starts the program in a new session, with default dispositions for all signals, an empty signal
// mask, and no descriptors but 0, 1 and 2. Returns when the program runs, or with the failed step
// and its errno. The caller reaps the process, and is responsible for entering the cgroup.
std::variant<pid_t, LaunchFailure> launch(const LaunchPlan& plan);

}  // namespace lookout
