#include "watch/reconcile/access_failures.h"

#include <cerrno>

#include "support/error.h"
#include "watch/disk/disk.h"

namespace lookout {
namespace {

// Longer than a remote file system keeps names that it has looked up (sshfs(1): 20 s).
constexpr std::int64_t kNamesStay = 30'000'000'000;

bool is_denied(int code) {
  return code == EACCES || code == EPERM;
}

}  // namespace

void AccessFailures::not_opened(const DirtyName& dirty, const OpenFailure& failure) {
  switch (failure.kind) {
    case OpenFailure::Kind::moved:
      queue_.recheck(failure.node);
      progress_.defer();
      if (!progress_.is_stuck()) {
        hints_.touch(dirty.directory, dirty.name, dirty.hints);
      } else {
        retries_.add_later(dirty);
      }
      break;
    case OpenFailure::Kind::denied:
      denied(dirty.directory, failure.node, failure.code);
      break;
    case OpenFailure::Kind::failed:
      if (is_transient(failure.code)) {
        retries_.add_later(dirty);
      } else {
        give_up(dirty.directory, failure.code);
      }
      break;
  }
}

void AccessFailures::not_checked(const DirtyName& dirty, const DirectoryFd& fd, int code) {
  const bool elsewhere = mounts_.of(*fd, dirty.name) != fd->mount();
  if (is_transient(code)) {
    retries_.add_later(dirty);
  } else if (elsewhere && code != ETIMEDOUT) {
    unreachable({dirty.directory, dirty.name}, code);
  } else if (is_denied(code)) {
    denied(dirty.directory, dirty.directory, code);
  } else if (code == ETIMEDOUT && !is_on_mount(*fd, dirty.name)) {
    // A file system is mounted at the entry, or the path of a link leads to it. The directory
    // itself is in order.
    retries_.add_failed({dirty.directory, dirty.name});
    notices_.unanswered({dirty.directory, dirty.name});
  } else {
    give_up(dirty.directory, code);
  }
}

void AccessFailures::not_opened(NodeId directory, const OpenFailure& failure, bool in_round) {
  switch (failure.kind) {
    case OpenFailure::Kind::moved:
      if (in_round) {
        queue_.recheck(failure.node);
      } else if (tree_.is_root(failure.node)) {
        sink_.root_needs_check(failure.node);
      } else {
        hints_.touch(tree_.parent(failure.node), tree_.name(failure.node), 0);
      }
      progress_.defer();
      if (!progress_.is_stuck()) {
        retries_.defer(directory);
      } else {
        retries_.add_later(directory);
      }
      break;
    case OpenFailure::Kind::denied:
      denied(directory, failure.node, failure.code);
      break;
    case OpenFailure::Kind::failed:
      not_listed(directory, failure.code);
      break;
  }
}

void AccessFailures::not_listed(NodeId directory, int code) {
  tree_.set(directory, DirMark::stale);
  if (is_denied(code)) {
    denied(directory, directory, code);
  } else if (code == ENOENT || code == ESTALE) {
    vanished(directory, code);
  } else if (is_transient(code)) {
    retries_.add_later(directory);
  } else {
    give_up(directory, code);
  }
}

void AccessFailures::listed(NodeId directory) {
  const bool incomplete = retries_.is_failed(directory);  // the tree had no room for an entry
  if (!incomplete) tree_.set(directory, DirMark::unreadable, false);
  retries_.found(directory);
}

void AccessFailures::rules_not_read(const DirEntry& place, const RemoteMount& mount) {
  retries_.add_failed(place);
  if (mount.code() == ETIMEDOUT) notices_.unanswered(place);
}

void AccessFailures::moved_below(const DirtyName& place, NodeId source) {
  for (NodeId at = place.directory; at != source; at = tree_.parent(at)) queue_.recheck(at);
  hints_.add(place.directory, place.name, place.hints);
  progress_.defer();
}

bool AccessFailures::has_room(NodeId directory, std::string_view name, std::uint64_t device) {
  if (tree_.has_room(name, device)) return true;
  give_up(directory, EOVERFLOW);
  return false;
}

void AccessFailures::revive(NodeId directory, Agenda& agenda) {
  // The watch of the directory has ended: another one with the same device and inode number may be
  // at its place.
  if (tree_.watch(directory) < 0 && tree_.has(directory, DirMark::stale) &&
      !tree_.has(directory, DirMark::polled)) {
    agenda.add(directory, true);
  }
  for (const NodeId node : retries_.take_denied_below(directory)) agenda.add(node, true);
}

void AccessFailures::check_again(Agenda& agenda) {
  for (const NodeId directory : retries_.take_failed()) agenda.add(directory, true);
  for (const auto& [directory, name] : retries_.take_failed_names()) {
    hints_.touch(directory, name, 0);
  }
}

// `by` is the directory whose mode denies access, as far as that is known.
void AccessFailures::denied(NodeId directory, NodeId by, int code) {
  unreadable(by, code);
  tree_.set(directory, DirMark::stale);
  tree_.set(directory, DirMark::suspect);
  moments_.add_blind(directory);  // hints about it are not processed
  retries_.add_denied(directory);
  retries_.add_denied(by);
}

// No event reports when this directory can be read again: it is tried as often as the directories
// without a watch.
void AccessFailures::give_up(NodeId directory, int code) {
  unreadable(directory, code);
  tree_.set(directory, DirMark::stale);
  tree_.set(directory, DirMark::suspect);
  moments_.add_blind(directory);
  retries_.add_failed(directory);
}

// The directory was removed or renamed, and its old name may still be found for a while. Checks its
// place now and at the next poll, and reports an error only if the condition lasts.
void AccessFailures::vanished(NodeId directory, int code) {
  const std::int64_t now = monotonic_clock();
  if (now - retries_.vanished_since(directory, now) >= kNamesStay) {
    return give_up(directory, code);
  }
  if (tree_.is_root(directory)) {
    sink_.root_needs_check(directory);
  } else {
    hints_.touch(tree_.parent(directory), tree_.name(directory), 0);
  }
  directories_.drop(directory);
  tree_.set(directory, DirMark::suspect);
  moments_.add_blind(directory);
  retries_.add_failed(directory);
}

// The mount at an entry cannot be stat'ed, since its server is dead or refuses. The directory that
// contains the entry is in order.
void AccessFailures::unreachable(const DirEntry& place, int code) {
  retries_.add_failed(place);
  const NodeId known = tree_.child(place.first, place.second);
  if (known != kNoNode && tree_.is_directory(known)) {
    unreadable(known, code);
  } else {
    notices_.unreachable(place, code);
  }
}

void AccessFailures::unreadable(NodeId directory, int code) {
  if (code == ETIMEDOUT && tree_.has(directory, DirMark::remote)) {
    notices_.unanswered(tree_.path(top_of_mount(directory)));
    return;
  }
  // Reports a dead server once, for the whole mount.
  if (code == ENOTCONN || code == ECONNABORTED) directory = top_of_mount(directory);
  notices_.unreadable(directory, errno_name(code));
}

// Whether an entry is on the same remote mount as its directory.
bool AccessFailures::is_on_mount(const OpenDirectory& directory, const std::string& name) const {
  return directory.mount() && mounts_.of(directory, name) == directory.mount();
}

// For a directory on a remote mount: the topmost directory above it on the same mount.
NodeId AccessFailures::top_of_mount(NodeId directory) const {
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

}  // namespace lookout
