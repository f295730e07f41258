// The children of lookout_port: the guardians of its commands, a node's child lookout_ports, and
// orphans. Orphans are the remaining processes of a tree whose guardian was killed; lookout_port, a
// subreaper, becomes their parent.
//
// The command of an orphan cannot be determined. All processes of a tree without a guardian have to
// end, while guardians of other commands and everything below them are left alone. The list of
// guardians is process-wide state, because children belong to the process; only the thread that
// starts commands uses it.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>

#include "command/process_tree.h"

namespace lookout {

// Registers a guardian, or another child that does not count as an orphan until end_guardian().
void add_guardian(pid_t guardian);

// Reaps a guardian that has ended. Returns true if it exited by itself, and so left nothing behind;
// false if it was killed or has failed, and the processes of its tree are orphans now.
bool end_guardian(pid_t guardian);

// Blocks until a guardian whose link is closed has ended, and reaps it.
void await_guardian(pid_t guardian);

// Reaps the orphans that have ended and passes each to `reaped`. Sends SIGKILL to the others and
// everything below them. Returns true if none was left; call it again until it does.
using ReapHandler = std::function<void(const Reaped&)>;
bool sweep_orphans(const ReapHandler& reaped);

// Returns an orphan, or a process below one, for an error message; see survivor_below().
std::optional<Survivor> surviving_orphan();

}  // namespace lookout
