// Descriptors by their numbers, many at once: those that are not to be inherited.
//
// System calls only, so that they may be called between vfork and exec. Where close_range(2) cannot
// be had (before Linux 5.9, or forbidden by a filter of system calls), what /proc/self/fd lists is
// gone through, and where that cannot be opened, every number below the limit.
#pragma once

namespace lookout {

inline constexpr unsigned kLastDescriptor = ~0U;

// From `first` to `last`, both included.
void close_descriptors(unsigned first, unsigned last);
void close_descriptors_on_exec(unsigned first, unsigned last);

}  // namespace lookout
