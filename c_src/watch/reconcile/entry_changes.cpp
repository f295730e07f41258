#include "watch/reconcile/entry_changes.h"

#include <string>
#include <utility>

#include "watch/model/content_rules.h"

namespace lookout {

void EntryChanges::appear(const DirtyName& place, const FileStatus& seen, Pass& pass) {
  if (!failures_.require_room(place.directory, place.name, seen.identity.device)) return;
  const RenameFinder::Source source = renames_.find(place, seen);
  if (source.node == kNoNode && source.unfinished) {
    check_again_last(place);
  } else if (source.node == kNoNode && source.undecided) {
    retries_.add_later(place);
  } else if (source.node == kNoNode) {
    if (roots_.any_waits() && writers_.must_wait(place, seen)) return;
    const NodeId made =
        add_entry(tree_, roots_, place.directory, place.name, seen.type, seen.identity);
    pass.reporter.report(Change::created, made);
    follow_up_new(made, seen, place.hints, pass);
  } else if (tree_.is_below(place.directory, source.node)) {
    failures_.moved_below_itself(place, source.node);
  } else {
    rename(source.node, place, seen, pass);
  }
}

// Checks `place` again after everything that is dirty now.
void EntryChanges::check_again_last(DirtyName place) {
  place.hints |= hint::kWaited;
  writers_.keep(place);
  queue_.add(std::move(place));
}

void EntryChanges::rename(NodeId source, const DirtyName& place, const FileStatus& seen,
                          Pass& pass) {
  Hints hints = place.hints & ~hint::kDeleted;
  // The hints that were passed on concerned the entry that was here before.
  if ((hints & hint::kPassedOn) != 0) hints &= ~(hint::kContent | hint::kPassedOn | hint::kCompare);
  if (tree_.has(tree_.parent(source), DirMark::suspect)) hints |= hint::kSuspect;
  std::string from = tree_.path(source);
  // A hint that an entry was moved here does not say which inode: the kernel may have reused the
  // inode number of a deleted file.
  if (!tree_.is_directory(source) && !is_same_file(moments_.known(source), seen)) {
    hints |= hint::kWritten;
  }
  // A listing met the entry, or a check came before the hint of its move: a hint that an entry was
  // moved here may concern another one.
  const DirEntry left{tree_.parent(source), std::string(tree_.name(source))};
  if (!hints_.record_move(left, {place.directory, place.name}, hints) &&
      (hints & hint::kUnpaired) == 0) {
    hints = (hints & ~hint::kMovedTo) | hint::kUnpaired;
  }
  const bool directory = tree_.is_directory(source);
  const Visibility::View before = directory ? visibility_.view(source) : Visibility::View{};
  const bool awaits_listing = directory && pass.agenda.comes_to(source);
  const bool linked = directory && (seen.linked || tree_.has(source, DirMark::linked));
  if (directory && roots_.any_follows()) recheck_links_left(source, place.directory);
  owners_.move(source);
  tree_.move(source, place.directory, place.name);
  tree_.set(source, Mark::seen, false);  // set by the listing of its old directory
  if (directory && (visibility_.moved(source, before) || awaits_listing)) {
    pass.agenda.add_all_below(source);
  }
  if (directory) {
    failures_.retry_below(source, pass.agenda);  // its old parent may have denied search permission
  }
  if (linked) comparison_.found(source, seen.linked);
  departures_.unpark(source);
  pass.reporter.report(Change::renamed, source, std::move(from));
  comparison_.compare(source, seen, hints, pass);
}

// A directory moves out of directories to which links lead. What was reached only through such a
// link no longer is: if that was the target of the link, the link is a link again.
void EntryChanges::recheck_links_left(NodeId source, NodeId destination) {
  for (NodeId at = source; !tree_.is_root(at);) {
    at = tree_.parent(at);
    if (tree_.has(at, DirMark::linked) && !tree_.is_below(destination, at)) hints_.add(at);
  }
}

void EntryChanges::follow_up_new(NodeId node, const FileStatus& seen, Hints hints, Pass& pass) {
  if (tree_.is_directory(node)) {
    comparison_.record_new_directory(node, seen, pass.agenda);
    return;
  }
  hard_links_.set_signature(node, seen);
  if (seen.links < 2) return;
  if ((hints & hint::kContent) != 0) {
    hard_links_.set_reported(node, true);
    hard_links_.pass_on(node, hints & hint::kContent);
  } else if ((hints & hint::kCreated) == 0 && !hard_links_.are_compared(seen)) {
    // A process may have written through this link before it was moved here, or before a listing
    // met it.
    hard_links_.pass_on(node, hint::kClosed | hint::kCompare);
  }
}

}  // namespace lookout
