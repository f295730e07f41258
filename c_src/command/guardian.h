// The guardian of a command: a small process between this program and the command, that ends the
// command's whole tree when it is told to, when the command has exited, or when this program is
// gone, in whatever way.
//
// It is a fork of this program without an exec, in a session of its own with every signal blocked,
// so that only SIGKILL ends it; then the tree falls to this program, which is a subreaper, too.
// Only where both are killed at once can something of the tree be left.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <variant>

#include "command/launcher.h"
#include "support/unique_fd.h"

namespace lookout {

struct Guardian {
  pid_t pid = 0;
  UniqueFd link;     // guard_link.h
  UniqueFd process;  // a pidfd: readable when the guardian has ended
};

// Starts a guardian that starts the command, and reports `started` or `failed` on the link. It ends
// when no process of the tree is left: `linger` after the exit of the command at the latest, as
// far as SIGKILL ends what it hits.
std::variant<Guardian, LaunchFailure> start_guardian(const LaunchPlan& plan,
                                                     std::chrono::milliseconds linger);

}  // namespace lookout
