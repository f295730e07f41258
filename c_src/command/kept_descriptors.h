// Descriptors that lookout_port and each guardian open before the command runs. All instances of
// Command::Running share them; the classes of command/ call the functions.
//
// A process of the same user may set the limit of open files of lookout_port or of a guardian to 0
// (prlimit(2)). They can then open nothing, and poll(2) fails. With these descriptors they can
// still wait for events and still find their children.
#pragma once

#include <poll.h>
#include <sys/types.h>

#include <array>
#include <memory>
#include <span>
#include <vector>

namespace lookout {

struct KeptDescriptors;

// Opens the descriptors. They are closed when the last reference is released.
std::shared_ptr<KeptDescriptors> keep_descriptors();

// The guardian calls this after the fork, because it must not share the descriptors of
// lookout_port.
void reopen_descriptors();

// Returns the descriptor numbers; -1 if one could not be opened.
std::array<int, 2> kept_descriptors();

// Like poll(2), but works under any limit of open files.
int poll_always(std::span<pollfd> watched, int timeout);

// Returns the process ids in /proc; empty if /proc could not be opened or shows no processes.
std::vector<pid_t> process_ids();

}  // namespace lookout
