#include "watch/reconcile/entry_reader.h"

#include <cerrno>

#include "support/answered_errno.h"
#include "watch/disk/path_walk.h"
#include "watch/disk/remote_calls.h"

namespace lookout {

std::variant<FileStatus, int> EntryReader::read(NodeId directory, const DirectoryFd& fd,
                                                const std::string& name, Targets targets) {
  auto checked = stat_entry(mounts_, fd, name);
  FileStatus* seen = std::get_if<FileStatus>(&checked);
  if (roots_.follows(directory)) {
    if (seen != nullptr && seen->type == EntryType::symlink) {
      checked = follow({directory, name}, fd, *seen, targets);
      seen = std::get_if<FileStatus>(&checked);
    } else if (seen != nullptr || std::get<int>(checked) == ENOENT) {
      links_.forget({directory, name});
    }
  }
  // A single file may be named by a symbolic link.
  const Visibility::Names* const single = visibility_.single_names(directory);
  if (single != nullptr && single->contains(name) && seen != nullptr &&
      seen->type == EntryType::symlink) {
    checked = stat_target(mounts_, fd, name);
    seen = std::get_if<FileStatus>(&checked);
  }
  if (files_.concerns(seen)) {
    checked = files_.check({directory, name}, fd, checked);
    seen = std::get_if<FileStatus>(&checked);
  }
  if (seen != nullptr && !visibility_.shows(directory, name, seen->type)) {
    // The directory is not visible here. The link itself may be visible, once another path reports
    // the directory: records the target for that.
    if (seen->linked) links_.set_invisible({directory, name}, seen->identity);
    return ENOENT;
  }
  return checked;
}

// Returns the directory that a link leads to, or the link itself if it is not followed.
std::variant<FileStatus, int> EntryReader::follow(const DirEntry& place, const DirectoryFd& fd,
                                                  const FileStatus& link, Targets targets) {
  const auto& [directory, name] = place;
  // The watches come before the check, as for any directory.
  const auto resolution = links_.follow(place, join(tree_.path(directory), name));
  if (!resolution) {
    notices_.too_many_links(place);
    return link;
  }
  // No event reports when the path of this link leads elsewhere: polling checks it again.
  if (resolution->too_long && resolution->stable) {
    retries_.add_long_link(place);
  } else if (!resolution->watched || !resolution->stable) {
    retries_.add_failed(place);
  }
  auto checked = stat_target(mounts_, fd, name);
  const FileStatus* target = std::get_if<FileStatus>(&checked);
  if (target == nullptr) {
    const int code = std::get<int>(checked);
    // Nor does an event report when a directory on the path becomes searchable.
    if (code == EACCES) retries_.add_failed(place);
    return is_transient(code) || is_answered(code) || code == ETIMEDOUT ? checked : link;
  }
  // The path of the tree does not lead here: it may not be searched, or is not the path any more.
  if (!resolution->exists && !resolution->too_long) retries_.add_failed(place);
  if (target->type != EntryType::directory) return link;
  const NodeId known = tree_.child(directory, name);
  const bool stays =
      known != kNoNode && tree_.is_directory(known) && tree_.identity(known) == target->identity;
  if (!stays && targets == Targets::known) {
    links_.set_reported_as_link(place, target->identity);
    return link;
  }
  if (is_reported_elsewhere(known, target->identity, stays)) {
    links_.set_reported_as_link(place, target->identity);
    return link;
  }
  return *target;
}

// Returns whether the tree reports `target` at a path other than `known`. Ignores links that no
// longer lead to it. With `stays` (`known` already is `target`), also ignores other links and paths
// below `known`.
bool EntryReader::is_reported_elsewhere(NodeId known, Identity target, bool stays) {
  for (const NodeId node : tree_.with_identity(target)) {
    if (node == known || !tree_.is_directory(node)) continue;
    if (tree_.has(node, DirMark::linked) ? !stays && exists(node, 0)
                                         : !stays || !tree_.is_below(node, known)) {
      return true;
    }
  }
  return false;
}

bool EntryReader::exists(NodeId node, Hints hints) {
  if (tree_.has(node, Mark::parked)) return false;
  const NodeId directory = tree_.parent(node);
  const auto opened = directories_.open(directory);
  if (const auto* failure = std::get_if<OpenFailure>(&opened)) {
    if (failure->kind == OpenFailure::Kind::failed && is_transient(failure->code))
      undecided_ = true;
    if (failure->kind != OpenFailure::Kind::moved) return true;
    // The directory has moved, perhaps with this entry in it: check the entry again once the
    // directory is found.
    if (!tree_.has(failure->node, Mark::parked)) queue_.recheck_once(failure->node);
    hints_.add(node);
    progress_.defer();
    return !tree_.is_directory(node) && (hints & hint::kMovedTo) == 0;
  }
  const auto checked =
      read(directory, std::get<DirectoryFd>(opened), std::string(tree_.name(node)), Targets::known);
  if (const int* code = std::get_if<int>(&checked); code != nullptr && *code != ENOENT) {
    return true;  // no evidence that it is gone
  }
  const FileStatus* there = std::get_if<FileStatus>(&checked);
  if (there != nullptr && there->identity == tree_.identity(node) &&
      there->type == tree_.type(node)) {
    return true;
  }
  queue_.recheck_once(node);
  return false;
}

void EntryReader::found_through_link(NodeId directory) {
  links_.directory_added(tree_.identity(directory));
}

void EntryReader::found_in_place(NodeId directory) {
  if (!roots_.any_follows()) return;
  links_.directory_added(tree_.identity(directory));
  for (const NodeId node : tree_.with_identity(tree_.identity(directory))) {
    if (tree_.is_directory(node) && tree_.has(node, DirMark::linked)) hints_.add(node);
  }
}

}  // namespace lookout
