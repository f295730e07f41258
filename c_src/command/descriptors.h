// Closes ranges of descriptors that a child must not inherit. The guardian and launch() call them.
//
// These functions make system calls only, so they may run between vfork and exec. If close_range(2)
// is unavailable (before Linux 5.9, or blocked by a seccomp filter), they walk /proc/self/fd; if
// that cannot be opened, they walk every number below the limit of open files.
#pragma once

namespace lookout {

inline constexpr unsigned kLastDescriptor = ~0U;

// `first` and `last` are inclusive.
void close_descriptors(unsigned first, unsigned last);
void close_descriptors_on_exec(unsigned first, unsigned last);

}  // namespace lookout
