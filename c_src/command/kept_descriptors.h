// Descriptors that lookout_port and each guardian open before the command runs.
//
// A process of the same user may set their limit of open files to 0 (prlimit(2)). Then they can
// open nothing any more, and poll(2) fails. With these descriptors they still wait, and still find
// their children.
#pragma once

#include <poll.h>
#include <sys/types.h>

#include <array>
#include <memory>
#include <span>
#include <vector>

namespace lookout {

struct KeptDescriptors;

// Opens them; they are closed when nobody has them any more.
std::shared_ptr<KeptDescriptors> keep_descriptors();

// In the guardian: it must not share those of lookout_port.
void reopen_descriptors();

// Their numbers; -1: could not be opened.
std::array<int, 2> kept_descriptors();

// Like poll(2), whatever the limit of open files is.
int poll_always(std::span<pollfd> watched, int timeout);

// The process ids in /proc. Empty where /proc could not be opened, or shows no processes.
std::vector<pid_t> process_ids();

}  // namespace lookout
