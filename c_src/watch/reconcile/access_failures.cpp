#include "watch/reconcile/access_failures.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "support/answered_errno.h"
#include "support/error.h"
#include "watch/disk/disk.h"

namespace lookout {
namespace {

// Nanoseconds: longer than a remote file system caches the names of entries (sshfs(1): 20 s).
constexpr std::int64_t kNameCacheTime = 30'000'000'000;

bool is_denied(int code) {
  return code == EACCES || code == EPERM;
}

}  // namespace

void AccessFailures::open_failed(const DirtyName& dirty, const OpenFailure& failure) {
  keep_moment(dirty);
  const Moved moved = moved_as(failure);
  switch (failure.kind) {
    case OpenFailure::Kind::moved:
      if (moved == Moved::repeatedly) return refused(dirty.directory, failure);
      if (moved == Moved::first) queue_.recheck_once(failure.node);
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
        report_and_poll(dirty.directory, failure.code);
      }
      break;
  }
}

void AccessFailures::stat_failed(const DirtyName& dirty, const DirectoryFd& fd, int code) {
  keep_moment(dirty);
  const bool elsewhere = mounts_.of(*fd, dirty.name) != fd->mount();
  if (is_transient(code)) {
    retries_.add_later(dirty);
  } else if ((elsewhere && code != ETIMEDOUT) || (is_answered(code) && !fd->mount())) {
    unreachable({dirty.directory, dirty.name}, code);
  } else if (is_denied(code)) {
    denied(dirty.directory, dirty.directory, code);
  } else if (code == ETIMEDOUT && !is_on_mount(*fd, dirty.name)) {
    // A file system is mounted at the entry, or the path of a link leads to it. The directory
    // itself can be read.
    retries_.add_failed({dirty.directory, dirty.name});
    notices_.unanswered({dirty.directory, dirty.name});
  } else {
    report_and_poll(dirty.directory, code);
  }
}

void AccessFailures::rules_failed(DirtyName dirty) {
  keep_moment(dirty);
  retries_.add_later(std::move(dirty));
}

void AccessFailures::open_failed(NodeId directory, const OpenFailure& failure, bool in_round) {
  const Moved moved = moved_as(failure);
  switch (failure.kind) {
    case OpenFailure::Kind::moved:
      if (moved == Moved::repeatedly) return refused(directory, failure);
      if (moved == Moved::in_round) {
        // The round checks its name before it lists `directory` again.
      } else if (in_round) {
        queue_.recheck_once(failure.node);
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
      listing_failed(directory, failure.code);
      break;
  }
}

void AccessFailures::listing_failed(NodeId directory, int code) {
  tree_.set(directory, DirMark::stale);
  if (is_denied(code)) {
    denied(directory, directory, code);
  } else if (code == ENOENT || code == ESTALE) {
    vanished(directory, code);
  } else if (is_transient(code)) {
    retries_.add_later(directory);
  } else {
    report_and_poll(directory, code);
  }
}

void AccessFailures::listing_succeeded(NodeId directory) {
  const bool incomplete = retries_.is_failed(directory);  // the tree had no room for an entry
  if (!incomplete) tree_.set(directory, DirMark::unreadable, false);
  retries_.found(directory);
}

void AccessFailures::rule_file_failed(const DirEntry& file, const RemoteMount& mount) {
  retries_.add_failed(file);
  if (mount.code() == ETIMEDOUT) notices_.unanswered(file);
}

void AccessFailures::moved_below_itself(const DirtyName& dirty, NodeId source) {
  for (NodeId at = dirty.directory; at != source; at = tree_.parent(at)) queue_.recheck_once(at);
  hints_.add(dirty.directory, dirty.name, dirty.hints);
  progress_.defer();
}

bool AccessFailures::require_room(NodeId directory, std::string_view name, std::uint64_t device) {
  if (tree_.has_room(name, device)) return true;
  report_and_poll(directory, EOVERFLOW);
  return false;
}

void AccessFailures::retry_below(NodeId directory, Agenda& agenda) {
  // The watch of the directory has ended: another directory with the same device and inode number
  // may be at its path.
  if (tree_.watch(directory) == kNoWatch && tree_.has(directory, DirMark::stale) &&
      !tree_.has(directory, DirMark::polled)) {
    agenda.add(directory, true);
  }
  for (const NodeId node : retries_.take_denied_below(directory)) agenda.add(node, true);
}

void AccessFailures::open_succeeded(NodeId directory, const OpenDirectory& fd, Agenda& agenda) {
  if (is_reported_by_parent(directory) || !retries_.any_denied_below(directory)) return;
  // Without search permission the directories below it are still denied. The loop does not check
  // that on a remote mount: the call could block.
  if (!fd.mount() && ::faccessat(fd.get(), ".", X_OK, AT_EACCESS) != 0) return;
  for (const NodeId node : retries_.take_denied_below(directory)) {
    if (node != directory) agenda.add(node, true);
  }
}

void AccessFailures::retry_failed(Agenda& agenda, std::size_t most) {
  retries_.forget_moves();
  for (const NodeId directory : retries_.take_failed(most)) agenda.add(directory, true);
  for (const auto& [directory, name] : retries_.take_failed_names(most)) {
    hints_.touch(directory, name, 0);
  }
}

// A listing of the directory may end before the entry is checked. It then moves the moment of the
// directory, so the file keeps the moment up to which it was compared.
void AccessFailures::keep_moment(const DirtyName& dirty) {
  if ((dirty.hints & hint::kSuspect) == 0) return;
  const NodeId file = tree_.child(dirty.directory, dirty.name);
  if (file != kNoNode && !tree_.is_directory(file)) moments_.not_compared(file);
}

// `by` is the directory whose mode denies access, as far as that is known.
void AccessFailures::denied(NodeId directory, NodeId by, int code) {
  unreadable(by, code);
  tree_.set(directory, DirMark::stale);
  tree_.set(directory, DirMark::suspect);
  moments_.add_blind(directory);  // hints about it are not processed
  retries_.add_denied(directory);
  retries_.add_denied(by);
  if (!is_reported_by_parent(by)) retries_.add_failed(by);
}

// Reports the directory as unreadable and retries it at each poll: no event reports when it can be
// read again.
void AccessFailures::report_and_poll(NodeId directory, int code) {
  unreadable(directory, code);
  retry_listing(directory);
}

void AccessFailures::retry_listing(NodeId directory) {
  tree_.set(directory, DirMark::stale);
  tree_.set(directory, DirMark::suspect);
  moments_.add_blind(directory);
  retries_.add_failed(directory);
}

Retries::Moved AccessFailures::moved_as(const OpenFailure& failure) {
  const bool remote =
      failure.kind == OpenFailure::Kind::moved && tree_.has(failure.node, DirMark::remote);
  return remote ? retries_.moved(failure.node, progress_.round()) : Moved::first;
}

// The server reports the name of a directory, but does not open it or opens another directory. That
// may last, so it is an error. If the errno may mean that the directory was removed, the error is
// reported only after kNameCacheTime.
void AccessFailures::refused(NodeId directory, const OpenFailure& failure) {
  const bool may_be_gone = failure.code == ENOENT || failure.code == ESTALE;
  const std::int64_t now = monotonic_clock();
  if (!may_be_gone || now - retries_.vanished_since(failure.node, now) >= kNameCacheTime) {
    unreadable(failure.node, failure.code);
  }
  retry_listing(failure.node);
  retry_listing(directory);
}

// Returns whether the watch of its parent in the tree reports when this directory may be opened
// again. It does not if the directory is a mount point, or is the target of a followed link: the
// parent gets no events of it, and its own watch does not report the modes of the directories on
// its path.
bool AccessFailures::is_reported_by_parent(NodeId directory) const {
  return !tree_.is_root(directory) && !tree_.has(directory, DirMark::linked) &&
         !tree_.has(directory, DirMark::mounted) &&
         tree_.identity(directory).device == tree_.identity(tree_.parent(directory)).device;
}

// The directory was removed or renamed, and its old name may still be found for a while. Checks the
// name now and at the next poll, and reports an error only if the condition lasts.
void AccessFailures::vanished(NodeId directory, int code) {
  const std::int64_t now = monotonic_clock();
  if (now - retries_.vanished_since(directory, now) >= kNameCacheTime) {
    return report_and_poll(directory, code);
  }
  if (tree_.is_root(directory)) {
    sink_.root_needs_check(directory);
  } else {
    hints_.touch(tree_.parent(directory), tree_.name(directory), 0);
  }
  directories_.drop(directory);
  retry_listing(directory);
}

// The mount at an entry cannot be stat'ed, since its server is dead or refuses. The directory that
// contains the entry can be read.
void AccessFailures::unreachable(const DirEntry& entry, int code) {
  retries_.add_failed(entry);
  const NodeId known = tree_.child(entry.first, entry.second);
  if (known != kNoNode && tree_.is_directory(known)) {
    unreadable(known, code);
  } else {
    notices_.unreachable(entry, code);
  }
}

void AccessFailures::unreadable(NodeId directory, int code) {
  if (code == ETIMEDOUT && tree_.has(directory, DirMark::remote)) {
    notices_.unanswered(top_of_mount(directory));
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
