#include "watch/content_rules.h"

#include <algorithm>

namespace lookout {
namespace {

// Where events may have been lost, times are compared with the moment up to which the tree is
// right.
bool may_have_been_written_unseen(const KnownFile& known, const Look& seen) {
  const bool checked = known.signature != 0;
  if (checked && known.signature != seen.signature()) return true;
  if (!known.without_events) return seen.ctime >= known.handled - grain(seen.ctime);
  // A file that was checked may have changed again within the same tick.
  return seen.ctime >= *known.without_events - (checked ? 0 : grain(seen.ctime));
}

}  // namespace

bool was_born_before(const KnownFile& known, const Look& seen) {
  return seen.birth &&
         *seen.birth < std::min(known.handled, known.without_events.value_or(known.handled));
}

bool is_same_file(const KnownFile& known, const Look& seen) {
  return seen.birth ? was_born_before(known, seen) : known.signature == seen.signature();
}

bool was_written(const KnownFile& known, const Look& seen, Hints hints) {
  const bool checked = known.signature != 0;
  const bool differs = known.signature != seen.signature();  // also where it was never checked
  const bool left = (hints & (hint::kDeleted | hint::kMovedFrom)) != 0;
  const bool arrived_unseen = (hints & hint::kUnpaired) != 0;
  if ((hints & hint::kWritten) != 0) return true;
  // It left its place, and an inode of the same number is there: another file, or it came back.
  if (left && !was_born_before(known, seen)) return true;
  if (checked && Look::size_differs(known.signature, seen.signature())) return true;
  // An old inode that was created here was linked, perhaps from where it was written unseen.
  if ((hints & hint::kCreated) != 0 && was_born_before(known, seen) && (differs || left)) {
    return true;
  }
  // It may have been written where no event names it. With an event of its arrival the signature
  // may have been taken after that write.
  if (arrived_unseen && (differs || (hints & hint::kMovedTo) != 0)) return true;
  if ((hints & hint::kSuspect) != 0) return may_have_been_written_unseen(known, seen);
  if (arrived_unseen) return false;
  // A change of attributes changes the signature. A file that was never checked may have been
  // written through another name.
  if ((hints & hint::kAttributes) != 0) return !checked && seen.links > 1;
  if (checked) return differs;
  // A write through a mapping before the close, since the crawl.
  return (hints & hint::kClosed) != 0 && seen.ctime >= known.crawled - grain(seen.ctime);
}

}  // namespace lookout
