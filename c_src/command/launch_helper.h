// Launches a command within the guardian: from a process that begins in the cgroup of the command,
// since moving one there takes the kernel some 10 ms, or from the guardian itself.
#pragma once

#include <sys/types.h>

#include <optional>
#include <variant>

#include "command/launcher.h"
#include "support/unique_fd.h"

namespace lookout {

using Launched = std::variant<pid_t, LaunchFailure>;

// launch() for a process that is a copy of lookout_port, whose stack nothing may unwind.
Launched try_launch(const LaunchPlan& plan);

// Where there is no helper: the command runs in the cgroup of this process, unless it has limits.
Launched launch_without_helper(const LaunchPlan& plan);

// A process that launches and ends; the command becomes the child of the caller, a subreaper.
struct LaunchHelper {
  pid_t pid;
  UniqueFd outcome;  // a pipe with one Launched, or nothing
};
// Nothing where this cannot be done.
std::optional<LaunchHelper> start_helper(const LaunchPlan& plan);
// Nothing where the helper has ended without one.
std::optional<Launched> read_outcome(const LaunchHelper& helper);

}  // namespace lookout
