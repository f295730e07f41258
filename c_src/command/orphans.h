// The children of lookout_port. The known children are those that it started itself: the guardians
// of its commands, and the child lookout_ports of a node. All others are orphans: the remaining
// processes of a tree whose guardian was killed; lookout_port, a subreaper, becomes their parent.
//
// The command of an orphan cannot be determined. All processes of a tree without a guardian have to
// end, while known children and everything below them are left alone. The list of known children is
// process-wide state, because children belong to the process. Only the thread that starts commands
// uses it: start_guardian() and ChildProgram add the child that they have started. Command::Running
// reaps its guardian and, if that was killed or has failed, sweeps the orphans; ChildProgram reaps
// its lookout_port.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>

#include "command/process_tree.h"

namespace lookout {

// Adds a child that was just started. sweep_orphans() leaves it alone until it was reaped by one
// of the next two functions.
void add_known_child(pid_t pid);

// Reaps a known child that has ended. Returns true if it exited with status 0: a guardian then
// left nothing behind. False if it was killed or has failed: the processes of its tree are orphans
// now.
bool reap_known_child(pid_t pid);

// Blocks until a guardian has ended, and reaps it. The link of the guardian must be closed: that
// ends it.
void await_known_child(pid_t pid);

// Reaps the orphans that have ended and passes each to `reaped`. Sends SIGKILL to the others and
// everything below them. Returns true if none was left; call it again until it does.
using ReapHandler = std::function<void(const Reaped&)>;
bool sweep_orphans(const ReapHandler& reaped);

// Returns an orphan, or a process below one, for an error message; see survivor_below().
std::optional<Survivor> surviving_orphan();

}  // namespace lookout
