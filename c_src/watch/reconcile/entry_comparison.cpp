#include "watch/reconcile/entry_comparison.h"

#include <optional>
#include <string>

#include "watch/model/content_rules.h"
#include "watch/reconcile/content_marks.h"

namespace lookout {

void EntryComparison::compare(NodeId node, const FileStatus& seen, Hints hints, Pass& pass) {
  if (tree_.is_directory(node)) {
    compare_directory(node, seen, hints, pass);
  } else {
    compare_file(node, seen, hints, pass);
  }
}

void EntryComparison::compare_file(NodeId node, const FileStatus& seen, Hints hints, Pass& pass) {
  hints |= take_marks(tree_, node);
  if (moments_.is_not_compared(node)) hints |= hint::kSuspect;
  const bool compared = (hints & (hint::kClosed | hint::kPassedOn)) != 0;
  const std::optional<bool> reported = hard_links_.reported(node);
  const bool reported_attributes = reported.has_value() && !*reported;
  const KnownFile known = moments_.known(node);
  // An attribute change reported earlier in this round for a file with several links may have
  // hidden a change of content.
  const bool written = was_written(known, seen, hints) || (reported_attributes && compared);
  if (has_other_mode(known, seen)) hints |= hint::kAttributes;
  const bool changed = written || (hints & hint::kAttributes) != 0;
  if (changed && roots_.any_waits() && pass.reporter.reports()) {
    const Hints kept = hints | (written ? hint::kWritten : 0);
    if (writers_.must_wait({tree_.parent(node), std::string(tree_.name(node)), kept}, seen)) {
      return;
    }
  }
  moments_.forget_file(node);
  // Do not store a state that was not reported. A file with other links may have changed without an
  // event, and so may a file that was moved away and whose return no event has reported yet.
  const bool away = (hints & (hint::kMovedFrom | hint::kDeleted)) != 0 &&
                    (hints & (hint::kMovedTo | hint::kCreated)) == 0;
  const bool is_certain = !away && (changed || seen.links == 1);
  if (written || is_certain || tree_.signature(node) != 0) hard_links_.set_signature(node, seen);
  if (!changed) return;
  if (seen.links > 1) {
    if (reported && (*reported || !written)) return;
    hard_links_.set_reported(node, written);
    if ((hints & hint::kPassedOn) == 0) {
      hard_links_.pass_on(node, written ? hint::kWritten : hint::kAttributes);
    }
  }
  pass.reporter.report(written ? Change::modified : Change::attributes, node);
}

bool EntryComparison::confirm(NodeId file, const FileStatus& seen, Hints hints) {
  for (const Mark mark : {Mark::written, Mark::altered, Mark::missed}) {
    if (tree_.has(file, mark)) return false;
  }
  const KnownFile known = moments_.known(file);
  if (hard_links_.reported(file) || was_written(known, seen, hints) ||
      has_other_mode(known, seen)) {
    return false;
  }
  moments_.forget_file(file);
  hard_links_.set_signature(file, seen);
  return true;
}

void EntryComparison::compare_directory(NodeId node, const FileStatus& seen, Hints hints,
                                        Pass& pass) {
  const auto mode = static_cast<std::uint16_t>(seen.mode & 07777);
  // A link may have replaced the directory that it leads to, or the directory the link.
  tree_.set(node, DirMark::linked, seen.linked);
  tree_.set(node, DirMark::mounted, seen.mounted);
  if ((hints & hint::kAttributes) != 0) {
    tree_.set_mode(node, mode);
    report_attributes(node, pass);
  } else {
    compare_mode(node, mode, pass);
  }
  if (tree_.has(node, DirMark::opaque)) return watch_opaque(node);
  if (tree_.has(node, DirMark::polled)) return;
  if (tree_.watch(node) == kNoWatch || tree_.has(node, DirMark::stale))
    pass.agenda.add(node, false);
}

void EntryComparison::compare_mode(NodeId directory, std::uint16_t mode, Pass& pass) {
  const bool known = !tree_.has(directory, DirMark::provisional);
  const bool differs = known && tree_.mode(directory) != mode;
  tree_.set_mode(directory, mode);
  if (differs) report_attributes(directory, pass);
}

void EntryComparison::report_attributes(NodeId directory, Pass& pass) {
  pass.reporter.report(Change::attributes, directory);
  failures_.retry_below(directory, pass.agenda);
  // Whether a file with rules is trusted depends on who may put files into its directory.
  if (visibility_.reads_rules(directory)) hints_.add(directory, ".gitignore", 0);
}

void EntryComparison::record_new_directory(NodeId directory, const FileStatus& seen,
                                           Agenda& agenda) {
  tree_.set_mode(directory, static_cast<std::uint16_t>(seen.mode & 07777));
  tree_.set(directory, DirMark::linked, seen.linked);
  tree_.set(directory, DirMark::mounted, seen.mounted);
  found(directory, seen.linked);
  if (tree_.has(directory, DirMark::opaque)) return watch_opaque(directory);
  agenda.add(directory, false);
}

void EntryComparison::found(NodeId directory, bool linked) {
  if (linked) {
    reader_.found_through_link(directory);
  } else {
    reader_.found_in_place(directory);
  }
}

// The watch of the parent reports a directory whose entries are not reported. If a link leads to
// it, it needs a watch of its own; the check of the link comes after that watch.
void EntryComparison::watch_opaque(NodeId directory) {
  if (!tree_.has(directory, DirMark::linked) || tree_.watch(directory) != kNoWatch ||
      tree_.has(directory, DirMark::polled)) {
    return;
  }
  const NodeId parent = tree_.parent(directory);
  const auto opened = directories_.open(directory);
  if (const auto* failure = std::get_if<OpenFailure>(&opened)) {
    // Nothing may wait for a server that finds the name and does not open the directory.
    const bool moved = failure->kind == OpenFailure::Kind::moved;
    if (is_transient(failure->code) || (moved && !tree_.has(failure->node, DirMark::remote))) {
      retries_.add_later({parent, std::string(tree_.name(directory)), 0});
    } else {
      retries_.add_failed(parent);
    }
  } else if (watcher_.watch(directory, std::get<DirectoryFd>(opened))) {
    hints_.add(directory);
  }
}

}  // namespace lookout
