// The children of this program: the guardians of its commands and, where one of these was killed,
// orphans, what is left of its tree and falls to this program, which is a subreaper.
//
// Whose orphan one is cannot be told, but nothing of a tree without a guardian is to live on, while
// the guardian of another command is left alone with all below it. The children are those of the
// program, and so this is state of the program; only the thread that starts commands uses it.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>

#include "command/process_tree.h"

namespace lookout {

// A child that is no orphan until end_guardian().
void add_guardian(pid_t guardian);

// Reaps it, which has ended. True where it did so by itself and so left nothing; false where it was
// killed: then its tree are orphans.
bool end_guardian(pid_t guardian);

// Waits for the end of one whose link is closed, and reaps it.
void await_guardian(pid_t guardian);

// Reaps the orphans that have ended, each told to `reaped`, and sends SIGKILL to the others and all
// below them. True when there was none any more; to be called again until then.
using ReapHandler = std::function<void(const Reaped&)>;
bool sweep_orphans(const ReapHandler& reaped);

// One of them, or of what is below them, for an error: see survivor_below().
std::optional<Survivor> surviving_orphan();

}  // namespace lookout
