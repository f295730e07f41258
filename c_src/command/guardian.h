// The guardian of a command: a small process between this program and the command, that ends the
// command's whole tree when it is told to, when the command has exited, or when this program is
// gone, in whatever way.
//
// It is a fork of this program without an exec, in a session of its own with every signal blocked,
// so that only SIGKILL ends it and only SIGSTOP stops it, and not dumpable, like this program from
// its first command on, so that only privileged processes trace them or take their descriptors.
// When it ends before its tree, the tree falls to this program, which is a subreaper, too; when it
// is stopped, this program kills it, and the kernel continues it when this program is gone. Only
// where both are killed at once can something of the tree be left.
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
  UniqueFd link;                          // guard_link.h
  UniqueFd process;                       // a pidfd: readable when the guardian has ended
  std::shared_ptr<KeptDescriptors> kept;  // for the end of its tree
};

// Starts a guardian that starts the command, and reports `started` or `failed` on the link. It ends
// when no process of the tree is left, as far as SIGKILL ends what it hits. It asks the tree to end
// (`stop_signal`) when it gets the order, `linger` after the exit of the command, and at the end of
// the link, and kills what is left after the grace: that of the order, else `grace`. Without a
// `linger` it ends by the order to leave, and what the command left behind goes on.
std::variant<Guardian, LaunchFailure> start_guardian(const LaunchPlan& plan,
                                                     const LaunchSpec& spec);

}  // namespace lookout
