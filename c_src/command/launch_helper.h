// Launches a command within the guardian. A helper process that is created inside the command's
// cgroup does the launch, because moving an existing process there takes the kernel about 10 ms.
// Without a helper the guardian launches the command itself. Guard, in the process of the guardian,
// calls the functions.
#pragma once

#include <sys/types.h>

#include <optional>
#include <variant>

#include "command/launcher.h"
#include "support/unique_fd.h"

namespace lookout {

using Launched = std::variant<pid_t, LaunchFailure>;

// launch() for a process that is a fork of lookout_port: no exception may unwind its stack.
Launched try_launch(const LaunchPlan& plan);

// Launches without a helper. The command then runs in the cgroup of this process; with cgroup
// limits the launch fails.
Launched launch_without_helper(const LaunchPlan& plan);

// A process that launches the command and exits. The caller is a subreaper and so becomes the
// parent of the command.
struct LaunchHelper {
  pid_t pid;
  UniqueFd outcome;  // a pipe that carries one Launched, or ends empty
};
// Returns nothing if no helper can be started.
std::optional<LaunchHelper> start_helper(const LaunchPlan& plan);
// Returns nothing if the helper has exited without an outcome.
std::optional<Launched> read_outcome(const LaunchHelper& helper);

}  // namespace lookout
