#include "watch/model/content_rules.h"

#include <algorithm>

namespace lookout {
namespace {

// For a file whose events may have been lost: compares the signature, and the ctime with the time
// up to which the tree is known to be correct.
bool may_have_been_written_unseen(const KnownFile& known, const FileStatus& seen) {
  const bool checked = known.signature != 0;
  if (checked && known.signature != seen.signature()) return true;
  if (!known.without_events) return seen.ctime >= known.handled - grain(seen.ctime);
  // The signature of a checked file is unchanged here, but the file may have been written again
  // within the tick of the clock in which it was checked.
  return seen.ctime >= *known.without_events - (checked ? 0 : grain(seen.ctime));
}

StampDifference compared_with_saved(const SavedFile& saved, const FileStatus& seen) {
  return difference(saved.stamp, stamp_of(seen, saved.salt));
}

// For a file that an earlier run of the program has reported.
bool was_written_since_saved(const KnownFile& known, const FileStatus& seen, Hints hints) {
  const StampDifference differs = compared_with_saved(*known.saved, seen);
  const bool left = (hints & (hint::kDeleted | hint::kMovedFrom)) != 0;
  const bool arrived_unseen = (hints & hint::kUnpaired) != 0;
  const bool suspect = (hints & hint::kSuspect) != 0;
  if ((hints & hint::kWritten) != 0) return true;
  if (differs.size || differs.birth) return true;
  if (left && !was_born_before(known, seen)) return true;
  if ((hints & hint::kCreated) != 0 && left) return true;
  if (arrived_unseen && (hints & hint::kMovedTo) != 0) return true;
  // A time that utimes(2) has set is no write, if an event shows that.
  if ((hints & hint::kAttributes) != 0 && !suspect) return false;
  if (differs.mtime) return true;
  if (!suspect && !arrived_unseen) return false;
  // Size, mtime and mode may have been set back after a write, which the ctime shows. A rename, a
  // link or a change of mode explains another ctime.
  if (differs.ctime) return !arrived_unseen && !differs.links && !differs.mode;
  // It may have been written again within the tick of the clock in which it was reported.
  const std::int64_t complete = known.without_events.value_or(known.handled - grain(seen.ctime));
  return seen.ctime >= complete;
}

}  // namespace

bool has_other_mode(const KnownFile& known, const FileStatus& seen) {
  return known.saved && compared_with_saved(*known.saved, seen).mode;
}

bool was_born_before(const KnownFile& known, const FileStatus& seen) {
  return seen.birth &&
         *seen.birth < std::min(known.handled, known.without_events.value_or(known.handled));
}

bool is_same_file(const KnownFile& known, const FileStatus& seen) {
  if (known.saved) {
    const StampDifference differs = compared_with_saved(*known.saved, seen);
    if (differs.birth || (!seen.birth && (differs.size || differs.mtime))) return false;
    if (!seen.birth) return true;
  }
  return seen.birth ? was_born_before(known, seen) : known.signature == seen.signature();
}

bool was_written(const KnownFile& known, const FileStatus& seen, Hints hints) {
  if (known.saved) return was_written_since_saved(known, seen, hints);
  const bool checked = known.signature != 0;
  const bool differs = known.signature != seen.signature();  // also if it was never checked
  const bool left = (hints & (hint::kDeleted | hint::kMovedFrom)) != 0;
  const bool arrived_unseen = (hints & hint::kUnpaired) != 0;
  if ((hints & hint::kWritten) != 0) return true;
  // The file was moved or deleted, and an inode with the same number is there now: another file
  // that reuses the number, or the same file, which came back.
  if (left && !was_born_before(known, seen)) return true;
  if (checked && FileStatus::size_differs(known.signature, seen.signature())) return true;
  // If an old inode is reported as created, link(2) added a name here. The file may have been
  // written under another name that no event covers.
  if ((hints & hint::kCreated) != 0 && was_born_before(known, seen) && (differs || left)) {
    return true;
  }
  // The file came from a path that no event covers and may have been written there. If an event
  // reported its arrival, even an equal signature may have been taken after that write.
  if (arrived_unseen && (differs || (hints & hint::kMovedTo) != 0)) return true;
  if ((hints & hint::kSuspect) != 0) return may_have_been_written_unseen(known, seen);
  if (arrived_unseen) return false;
  // A change of attributes changes the signature too, so a different signature does not prove a
  // write. A file that was never checked may have been written through another hard link.
  if ((hints & hint::kAttributes) != 0) return !checked && seen.links > 1;
  if (checked) return differs;
  // A write through a memory mapping causes only the event of the close: a ctime after the start of
  // the crawl counts as a write.
  return (hints & hint::kClosed) != 0 && seen.ctime >= known.crawled - grain(seen.ctime);
}

}  // namespace lookout
