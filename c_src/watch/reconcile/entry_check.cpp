#include "watch/reconcile/entry_check.h"

#include <cerrno>
#include <optional>
#include <utility>
#include <variant>

#include "watch/reconcile/content_marks.h"

namespace lookout {

void EntryCheck::check(DirtyName dirty, Pass& pass) {
  ++count_;
  writers_.begin_check(dirty);
  const NodeId directory = dirty.directory;
  if (!tree_.alive(directory) || !tree_.is_directory(directory)) return;
  if (tree_.has(directory, DirMark::opaque) || departures_.is_removed(directory)) return;

  const auto opened = directories_.open(directory);
  if (const auto* failure = std::get_if<OpenFailure>(&opened)) {
    failures_.open_failed(dirty, *failure);
    return;
  }
  if (visibility_.names_rules(directory, dirty.name)) {
    const std::optional<int> code = pass.rules.load(directory, std::get<DirectoryFd>(opened));
    if (!code) {
      --count_;
      queue_.add_first(std::move(dirty));
      return;
    }
    if (*code != 0) {
      failures_.rules_failed(std::move(dirty));
      return;
    }
  }
  const auto checked = reader_.read(directory, std::get<DirectoryFd>(opened), dirty.name);
  if (const FileStatus* seen = std::get_if<FileStatus>(&checked)) {
    notices_.reachable(directory, dirty.name);
    compare(std::move(dirty), *seen, pass);
  } else if (const int code = std::get<int>(checked); code != ENOENT) {
    failures_.stat_failed(dirty, std::get<DirectoryFd>(opened), code);
  } else {
    hints_.pass_along_trail(dirty);
    const NodeId known = tree_.child(directory, dirty.name);
    if (known != kNoNode) leave_place(known, dirty.hints);
  }
}

bool EntryCheck::confirm(NodeId file, const std::string& name, const FileStatus& seen) {
  const NodeId directory = tree_.parent(file);
  const bool plain = seen.type == EntryType::file && seen.links == 1 && !seen.mounted &&
                     seen.type == tree_.type(file) && seen.identity == tree_.identity(file);
  if (!plain || writers_.waiting() > 0 || !reader_.takes_as_is(directory, seen) ||
      visibility_.names_rules(directory, name) ||
      !comparison_.confirm(file, seen, hint::kSuspect)) {
    return false;
  }
  ++count_;
  notices_.reachable(directory, name);
  return true;
}

void EntryCheck::compare(DirtyName dirty, const FileStatus& seen, Pass& pass) {
  const NodeId known = tree_.child(dirty.directory, dirty.name);
  if (known != kNoNode) tree_.adopt_identity(known, seen.type, seen.identity);
  if (known == kNoNode) {
    if ((dirty.hints & hint::kMovedTo) != 0) hints_.pass_along_trail(dirty);
    changes_.appear(dirty, seen, pass);
  } else if (tree_.identity(known) == seen.identity && tree_.type(known) == seen.type) {
    // It was not at its path at an earlier check: another file may have its inode number now.
    if (tree_.has(known, Mark::parked)) dirty.hints |= hint::kDeleted;
    departures_.unpark(known);
    comparison_.compare(known, seen, dirty.hints, pass);
  } else {
    hints_.pass_along_trail(dirty);
    leave_place(known, dirty.hints);
    departures_.block(known, {std::move(dirty), seen.identity, progress_.round()});
  }
}

// An entry is no longer at its path. If it was deleted, the content is still visible through its
// other links, so they get the hints about it.
void EntryCheck::leave_place(NodeId node, Hints hints) {
  if ((hints & hint::kContent) != 0 && (hints & hint::kPassedOn) == 0) {
    hard_links_.pass_on(node, hints & hint::kContent);
  }
  // The entry must still be compared, wherever it turns up.
  if ((hints & hint::kCompare) != 0) mark_content(tree_, node, hint::kWritten);
  if ((hints & hint::kSuspect) != 0) tree_.set(node, Mark::missed);
  departures_.park(node, progress_.round());
}

}  // namespace lookout
