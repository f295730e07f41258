// Entries on file systems that do not answer: reported once, and checked again later.
#include <cerrno>
#include <utility>

#include "support/error.h"
#include "watch/reconciler.h"
#include "watch/way.h"

namespace lookout {

// Whether an entry is on the same remote mount as its directory.
bool Reconciler::is_on_mount(const OpenDirectory& directory, const std::string& name) const {
  return directory.mount() && mounts_.of(directory, name) == directory.mount();
}

// The check of an entry failed.
void Reconciler::not_looked_at(const DirtyName& dirty, const DirectoryFd& fd, int code) {
  const bool elsewhere = mounts_.of(*fd, dirty.name) != fd->mount();
  if (is_passing(code)) {
    retries_.add_later(dirty);
  } else if (elsewhere && code != ETIMEDOUT) {
    unreachable({dirty.directory, dirty.name}, code);
  } else if (code == EACCES || code == EPERM) {
    denied(dirty.directory, dirty.directory, code);
  } else if (code == ETIMEDOUT && !is_on_mount(*fd, dirty.name)) {
    // A file system is mounted at the entry, or the path of a link leads to it. The directory
    // itself is in order.
    retries_.add_failed({dirty.directory, dirty.name});
    say_unanswered(join(tree_.path(dirty.directory), dirty.name));
  } else {
    give_up(dirty.directory, code);
  }
}

// The mount at an entry cannot be stat'ed, since its server is dead or refuses. The directory that
// contains the entry is in order.
void Reconciler::unreachable(const Place& place, int code) {
  const auto& [directory, name] = place;
  retries_.add_failed(place);
  const NodeId known = tree_.child(directory, name);
  if (known != kNoNode && tree_.is_directory(known)) {
    unreadable(known, code);
  } else if (reported_.unreachable(place)) {
    sink_.notice(UnreadableNotice{join(tree_.path(directory), name), errno_name(code)});
  }
}

// A rule file is on a mount of its own that does not answer. It is read again when that mount
// answers.
void Reconciler::rules_unanswered(const Place& place, const RemoteMount& mount) {
  retries_.add_failed(place);
  if (mount.code() == ETIMEDOUT) say_unanswered(join(tree_.path(place.first), place.second));
}

// Checks again what was given up because of an error.
void Reconciler::look_again() {
  for (const NodeId directory : retries_.take_failed()) queue_listing(directory, true);
  for (const auto& [directory, name] : retries_.take_failed_names()) touch(directory, name, 0);
}

void Reconciler::answered() {
  // Do not repeat the notice for a permanently slow mount.
  if (mounts_.all_prompt()) reported_.all_mounts_answer();
  retry();
  look_again();
}

// For a directory on a remote mount: the topmost directory above it on the same mount.
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
