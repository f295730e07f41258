// The guardian of a command: a small process between lookout_port and the command. It ends the
// whole tree of the command on an order, after the exit of the command, or when lookout_port is
// gone for any reason. Command starts it, and Command::Running owns its descriptors.
//
// The guardian is a fork of lookout_port without an exec. It has a session of its own and blocks
// every signal, so only SIGKILL ends it and only SIGSTOP stops it. It is not dumpable, and neither
// is lookout_port from its first command on, so only privileged processes can trace them or take
// their descriptors. If the guardian dies before its tree, lookout_port, which is a subreaper too,
// becomes the parent of the tree. If the guardian is stopped, lookout_port kills it; if
// lookout_port is gone, the kernel sends the guardian SIGCONT. Processes of the tree can survive
// only if both are killed at once.
#pragma once

#include <sys/types.h>

#include <memory>
#include <variant>

#include "command/kept_descriptors.h"
#include "command/launch_spec.h"
#include "command/launcher.h"
#include "support/unique_fd.h"

namespace lookout {

struct Guardian {
  pid_t pid = 0;
  UniqueFd link;                          // see guard_link.h
  UniqueFd process;                       // a pidfd: readable when the guardian has ended
  std::shared_ptr<KeptDescriptors> kept;  // needed to end its tree
};

// Starts a guardian, which launches the command and reports `started` or `failed` on the link. The
// guardian exits when no process of the tree is left; it waits for processes that do not end after
// SIGKILL. It sends `stop_signal` to the tree on an order to stop, `linger` after the exit of the
// command, and at end of file on the link. It sends SIGKILL to the remaining processes after the
// grace period of the order, else after `grace`. Without `linger`, an order to leave ends the
// guardian and lets the remaining processes run.
std::variant<Guardian, LaunchFailure> start_guardian(const LaunchPlan& plan,
                                                     const LaunchSpec& spec);

}  // namespace lookout
