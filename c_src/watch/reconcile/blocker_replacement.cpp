#include "watch/reconcile/blocker_replacement.h"

#include <variant>

#include "watch/reconcile/content_marks.h"

namespace lookout {

bool BlockerReplacement::step(std::uint64_t round, Pass& pass) {
  const NodeId blocker = departures_.next_blocker(round);
  if (blocker == kNoNode) return false;
  make_way(blocker, pass);
  return true;
}

void BlockerReplacement::make_way(NodeId blocker, Pass& pass) {
  DirtyName place = departures_.blocked_by(blocker).place;
  const auto opened = directories_.open(place.directory);
  if (const auto* failure = std::get_if<OpenFailure>(&opened)) {
    departures_.unblock(blocker);
    failures_.open_failed(place, *failure);
    return;
  }
  const auto checked = reader_.read(place.directory, std::get<DirectoryFd>(opened), place.name);
  const FileStatus* seen = std::get_if<FileStatus>(&checked);
  if (seen == nullptr ||
      (seen->identity == tree_.identity(blocker) && seen->type == tree_.type(blocker))) {
    departures_.release(blocker);
    return;
  }
  if (tree_.is_directory(blocker) || seen->type == EntryType::directory ||
      !tree_.has_room_for(seen->identity.device)) {
    departures_.queue_delete(blocker);  // its deletion releases the blocked entry
    return;
  }
  DirtyName waited = place;
  waited.hints |= hint::kWaited;  // everything dirty in this round has been checked
  const RenameFinder::Source source = renames_.find(waited, *seen);
  if (source.unfinished) {
    departures_.add_blocker(blocker);
    return;
  }
  const Identity wanted = departures_.unblock(blocker);
  replace(place, blocker, *seen, source, pass);
  // The inode number may be that of another blocker, which no blocked entry has any more.
  departures_.no_longer_wanted(wanted);
}

// Replaces an entry that is no directory by another that is none either: by `source` if that was
// renamed to `place`.
void BlockerReplacement::replace(const DirtyName& place, NodeId old, const FileStatus& seen,
                                 const RenameFinder::Source& source, Pass& pass) {
  if (source.node != kNoNode) {
    owners_.erase(old);
    changes_.rename(source.node, place, seen, pass);
  } else if (source.undecided) {
    retries_.add_later(place);
  } else if (writers_.must_wait(place, seen)) {
    pass.reporter.report(Change::deleted, old);
    owners_.erase(old);
  } else if (tree_.type(old) == seen.type) {
    departures_.unpark(old);
    take_marks(tree_, old);
    tree_.set_identity(old, seen.identity);
    pass.reporter.report(Change::modified, old);
    changes_.follow_up_new(old, seen, place.hints, pass);
  } else {
    pass.reporter.report(Change::deleted, old);
    owners_.erase(old);
    queue_.add(place);
  }
}

}  // namespace lookout
