// Decides whether the content of a file was written: from what the tree knows of the file, from
// the events that named it, and from what statx(2) returns now. Pure. All times are those of
// inode_clock(), in nanoseconds.
//
// Times and sizes alone do not suffice: two writes within one tick of the kernel's clock leave the
// same of both, and an inode number is used again soon after a file is deleted. Events alone do
// not either: a write through a mapping causes none but that of the close, and events are lost
// when a queue overflows.
#pragma once

#include <cstdint>
#include <optional>

#include "watch/disk.h"
#include "watch/hint.h"

namespace lookout {

// A file as the tree has it.
struct KnownFile {
  std::uint32_t signature;  // Look::signature() of its last check; 0: it was never checked
  std::int64_t handled;     // every event that was queued before this moment has been handled
  // Since when its directory may have changed without an event, as a polled one does.
  std::optional<std::int64_t> without_events;
  // When the crawl began that found the file; read only where it was never checked.
  std::int64_t crawled;
};

// Whether the inode was born before the tree was last known to be right about the file's place. By
// that it is the one that the tree knows, not a new one with the same number. False where the file
// system keeps no birth times.
bool was_born_before(const KnownFile& known, const Look& seen);

// Whether this is certainly the file that the tree knows under this inode number.
bool is_same_file(const KnownFile& known, const Look& seen);

// Whether to report the content as modified.
bool was_written(const KnownFile& known, const Look& seen, Hints hints);

}  // namespace lookout
