#include "watch/disk/directory_cache.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "watch/disk/remote_calls.h"

namespace lookout {
namespace {

// The number of long paths whose last directories stay open, and how many of each at least.
constexpr std::size_t kPathsKept = 8;
constexpr std::size_t kLeastKept = 2;

OpenFailure::Kind classify(int code) {
  switch (code) {
    case ENOENT:
    case ENOTDIR:
    case ELOOP:  // O_NOFOLLOW met a symbolic link
    case ENXIO:
      return OpenFailure::Kind::moved;
    case EACCES:
    case EPERM:
      return OpenFailure::Kind::denied;
    default:
      return OpenFailure::Kind::failed;
  }
}

}  // namespace

std::variant<DirectoryFd, OpenFailure> DirectoryCache::open(NodeId directory) {
  if (const Slot* slot = find(directory)) return slot->fd;
  // Go up to the nearest ancestor that is open, then open the directories below it one by one.
  std::vector<NodeId> closed;
  DirectoryFd fd;
  for (NodeId at = directory; at != kNoNode && !fd; at = tree_.parent(at)) {
    if (const Slot* slot = find(at)) {
      fd = slot->fd;
    } else {
      closed.push_back(at);
    }
  }
  while (!closed.empty()) {
    auto opened = step(closed.back(), fd);
    if (std::holds_alternative<OpenFailure>(opened)) return opened;
    fd = std::get<DirectoryFd>(std::move(opened));
    if (closed.size() <= std::max(capacity_ / kPathsKept, kLeastKept)) keep(closed.back(), fd);
    closed.pop_back();
  }
  return fd;
}

std::variant<DirectoryFd, OpenFailure> DirectoryCache::step(NodeId directory,
                                                            const DirectoryFd& parent) {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK;
  const std::string name(tree_.is_root(directory) ? tree_.path(directory)
                                                  : std::string(tree_.name(directory)));
  // A root may be named by a symbolic link. Any other entry is followed only if the tree has it as
  // a followed link.
  const int links = tree_.has(directory, DirMark::linked) ? 0 : O_NOFOLLOW;
  ++opened_;
  Opening opened = open_directory(mounts_, parent, name, kFlags | (parent ? links : 0));
  // A failed open on a local mount leaves the mark as it is: it is unknown what the path leads to.
  if (opened.remote || (opened.fd && !mounts_.none())) {
    tree_.set(directory, DirMark::remote, opened.remote);
  }
  if (!opened.fd) return OpenFailure{classify(opened.code), directory, opened.code};
  if (tree_.has(directory, DirMark::provisional)) {
    if (!tree_.has_room_for(opened.identity.device)) {
      return OpenFailure{OpenFailure::Kind::failed, directory, EOVERFLOW};
    }
    // At a mount point, getdents64(2) returns the inode number of the directory that the mount
    // hides.
    if (tree_.identity(directory) != opened.identity) tree_.set(directory, DirMark::mounted);
    tree_.set_identity(directory, opened.identity);
    tree_.set(directory, DirMark::provisional, false);
    tree_.set_mode(directory, static_cast<std::uint16_t>(opened.mode & 07777));
  } else if (tree_.identity(directory) != opened.identity) {
    return OpenFailure{OpenFailure::Kind::moved, directory, ESTALE};
  }
  return std::move(opened.fd);
}

const DirectoryCache::Slot* DirectoryCache::find(NodeId directory) {
  const auto found = slots_.find(directory);
  if (found == slots_.end()) return nullptr;
  // This mount has ended: another directory may exist at the path by now, and no calls are made on
  // the old mount any more.
  if (const auto& mount = found->second.fd->mount(); mount && mount->ended()) {
    drop(directory);
    return nullptr;
  }
  recency_.splice(recency_.begin(), recency_, found->second.recency);
  return &found->second;
}

void DirectoryCache::keep(NodeId directory, DirectoryFd fd) {
  recency_.push_front(directory);
  const bool mounted = is_top(directory) && (fd->mount() || is_mount_root(fd->get()));
  slots_[directory] = {std::move(fd), recency_.begin(), mounted};
  if (slots_.size() <= capacity_) return;
  closer_.close(slots_.at(recency_.back()).fd);
  drop(recency_.back());
}

void DirectoryCache::drop(NodeId directory) {
  const auto found = slots_.find(directory);
  if (found == slots_.end()) return;
  recency_.erase(found->second.recency);
  slots_.erase(found);
}

void DirectoryCache::drop_all() {
  slots_.clear();
  recency_.clear();
}

bool DirectoryCache::is_top(NodeId directory) const {
  return tree_.is_root(directory) || tree_.has(directory, DirMark::linked);
}

void DirectoryCache::had_event(NodeId directory) {
  if (directory == latest_ || recent_.size() >= capacity_) return;
  latest_ = directory;
  recent_.insert(directory);
}

void DirectoryCache::rest() {
  for (auto at = slots_.begin(); at != slots_.end();) {
    if (stays(at->first, at->second)) {
      ++at;
    } else {
      recency_.erase(at->second.recency);
      at = slots_.erase(at);
    }
  }
}

bool DirectoryCache::stays(NodeId directory, const Slot& slot) const {
  // An unanswered call keeps its mount busy anyway, and the calls after it need this directory.
  if (slot.fd->mount() && slot.fd->mount()->waits()) return true;
  if (!recent_.contains(directory) && !before_.contains(directory)) return false;
  return !is_top(directory) || (!slot.mounted && tree_.first_child(directory) != kNoNode);
}

void DirectoryCache::age() {
  before_ = std::exchange(recent_, {});
  latest_ = kNoNode;
}

}  // namespace lookout
