// Decides whether the content of a file was written. The decision uses the tree's record of the
// file, the events that named it, and the current result of statx(2). Pure. All times are those of
// inode_clock(), in nanoseconds. EntryComparison, EntryChanges and RenameFinder call it.
//
// Times and sizes alone do not suffice: two writes within one tick of the kernel's clock can leave
// time and size the same, and file systems reuse an inode number soon after a file is deleted.
// Events alone do not suffice either: a write through a memory mapping causes no event but the one
// of the close, and the kernel drops events when a queue overflows.
#pragma once

#include <cstdint>
#include <optional>

#include "watch/model/file_status.h"
#include "watch/model/hint.h"
#include "watch/model/stamp.h"

namespace lookout {

// A stamp, and the salt with which to make another one.
struct SavedFile {
  Stamp stamp;
  std::uint64_t salt;
};

// The tree's record of a file.
struct KnownFile {
  std::uint32_t signature;  // FileStatus::signature() at its last check; 0: never checked
  std::int64_t handled;     // every event queued before this time has been handled
  // The time since which its directory may have changed without an event, for example because the
  // directory is polled; nullopt if every change causes an event.
  std::optional<std::int64_t> without_events;
  // When the crawl that found the file began; used only for a file that was never checked.
  std::int64_t crawled;
  // What an earlier run of the program recorded, if this one has not checked the file yet. It
  // counts beside the moments: a clock may have been behind, and a file system may have been
  // restored.
  std::optional<SavedFile> saved = std::nullopt;
};

// Whether the inode was created before the time up to which the tree is known to be correct. If so,
// it is the inode that the tree recorded, not a new one that reuses the number. False where the
// file system keeps no birth times.
bool was_born_before(const KnownFile& known, const FileStatus& seen);

// Whether this is certainly the file that the tree recorded under this inode number.
bool is_same_file(const KnownFile& known, const FileStatus& seen);

// Whether a saved file has another mode now, which is reported unless it was written.
bool has_other_mode(const KnownFile& known, const FileStatus& seen);

// Whether to report the content as modified.
bool was_written(const KnownFile& known, const FileStatus& seen, Hints hints);

}  // namespace lookout
