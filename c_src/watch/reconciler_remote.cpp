// What does not answer: said once, and looked at again.
#include <cerrno>
#include <utility>

#include "support/error.h"
#include "watch/reconciler.h"

namespace lookout {

// Whether an entry stands on the remote mount that its directory is on.
bool Reconciler::is_on_mount(const OpenDirectory& directory, const std::string& name) const {
  return directory.mount() && mounts_.of(directory, name) == directory.mount();
}

// The look at an entry failed.
void Reconciler::not_looked_at(const DirtyName& dirty, const DirectoryFd& fd, int code) {
  const bool elsewhere = mounts_.of(*fd, dirty.name) != fd->mount();
  if (is_passing(code)) {
    later_names_.push_back(dirty);
  } else if (elsewhere && code != ETIMEDOUT) {
    unreachable({dirty.directory, dirty.name}, code);
  } else if (code == EACCES || code == EPERM) {
    denied(dirty.directory, dirty.directory, code);
  } else if (code == ETIMEDOUT && !is_on_mount(*fd, dirty.name)) {
    // Something is mounted there, or the way of a link leads to it: all else is in order.
    failed_names_.emplace(dirty.directory, dirty.name);
    say_unanswered(tree_.path(dirty.directory) + '/' + dirty.name);
  } else {
    give_up(dirty.directory, code);
  }
}

// What is mounted at an entry cannot be stat'ed: its server is dead, or refuses. The directory that
// it is in is in order.
void Reconciler::unreachable(const Place& place, int code) {
  const auto& [directory, name] = place;
  failed_names_.insert(place);
  const NodeId known = tree_.child(directory, name);
  if (known != kNoNode && tree_.is_directory(known)) {
    unreadable(known, code);
  } else if (reported_.unreachable(place)) {
    sink_.notice(UnreadableNotice{tree_.path(directory) + '/' + name, errno_name(code)});
  }
}

// A file of rules is on a mount of its own that does not answer. It is read again when that does.
void Reconciler::rules_unanswered(const Place& place, const RemoteMount& mount) {
  failed_names_.insert(place);
  if (mount.code() == ETIMEDOUT) say_unanswered(tree_.path(place.first) + '/' + place.second);
}

// What was given up for a failure.
void Reconciler::look_again() {
  for (const NodeId directory : std::exchange(failed_, {})) queue_listing(directory, true);
  for (const auto& [directory, name] : std::exchange(failed_names_, {})) {
    if (tree_.alive(directory) && tree_.is_directory(directory)) touch(directory, name, 0);
  }
}

void Reconciler::answered() {
  // Do not repeat the notice for a permanently slow mount.
  if (mounts_.all_prompt()) reported_.all_mounts_answer();
  retry();
  look_again();
}

// Where a directory is on a remote mount, the highest one above it that is on the same.
NodeId Reconciler::top_of_mount(NodeId directory) const {
  while (tree_.has(directory, DirMark::remote) && !tree_.is_root(directory)) {
    const NodeId above = tree_.parent(directory);
    if (!tree_.has(above, DirMark::remote) ||
        tree_.identity(above).device != tree_.identity(directory).device) {
      break;
    }
    directory = above;
  }
  return directory;
}

void Reconciler::say_unanswered(const std::string& path) {
  if (reported_.unanswered(path)) {
    sink_.notice(UnreadableNotice{path, errno_name(ETIMEDOUT)});
  }
}

}  // namespace lookout
