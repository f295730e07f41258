// Starts a program: the one place where a command's process is made, by Boost.Process.
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

// A launch with everything found and opened. The descriptors are the caller's, close-on-exec.
struct LaunchPlan {
  ProgramSearch program;
  std::vector<std::string> argv;
  std::vector<std::string> environment;
  int directory = -1;
  std::array<int, 3> standard{-1, -1, -1};  // what becomes descriptors 0, 1 and 2; 3 or above
  bool terminal = false;                    // standard[0] becomes the controlling terminal
  std::vector<ResourceLimit> limits;
  std::optional<int> nice;
  std::optional<Credentials> credentials;
  int cgroup = -1;  // the directory of the cgroup to run in; -1: none
  std::string cgroup_path;
  bool needs_cgroup = false;              // it has limits: nothing is launched without it
  std::optional<std::uint64_t> pids_max;  // once the command is launched
  bool dies_with_parent = true;           // PR_SET_PDEATHSIG
};

// Starts it in a session of its own, with every signal at its default and none blocked, and with no
// descriptor but the three. Returns when the program runs, or with the step that failed and its
// errno. The caller reaps it. Entering the cgroup is the caller's part.
std::variant<pid_t, LaunchFailure> launch(const LaunchPlan& plan);

}  // namespace lookout
