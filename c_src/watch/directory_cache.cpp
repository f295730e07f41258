#include "watch/directory_cache.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

namespace lookout {
namespace {

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
  // Up to the nearest ancestor that is open, then down again from it.
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
    keep(closed.back(), fd);
    closed.pop_back();
  }
  return fd;
}

std::variant<DirectoryFd, OpenFailure> DirectoryCache::step(NodeId directory,
                                                            const DirectoryFd& parent) {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK;
  const std::string name(tree_.is_root(directory) ? tree_.path(directory)
                                                  : std::string(tree_.name(directory)));
  // A root may be named by a symbolic link; an entry is not followed but where the tree says so.
  const int links = tree_.has(directory, DirMark::linked) ? 0 : O_NOFOLLOW;
  UniqueFd fd(parent ? ::openat(parent->get(), name.c_str(), kFlags | links)
                     : ::open(name.c_str(), kFlags));
  if (!fd) return OpenFailure{classify(errno), directory, errno};
  struct stat seen {};
  if (::fstat(fd.get(), &seen) != 0) return OpenFailure{classify(errno), directory, errno};
  const Identity identity{seen.st_dev, seen.st_ino};
  const auto mode = static_cast<std::uint16_t>(seen.st_mode & 07777);
  if (tree_.has(directory, DirMark::provisional)) {
    tree_.set_identity(directory, identity);
    tree_.set(directory, DirMark::provisional, false);
    tree_.set_mode(directory, mode);
  } else if (tree_.identity(directory) != identity) {
    return OpenFailure{OpenFailure::Kind::moved, directory, ESTALE};
  }
  const bool mounted = is_top(directory) && is_mount_root(fd.get());
  return std::make_shared<OpenDirectory>(std::move(fd), mode, mounted);
}

const DirectoryCache::Slot* DirectoryCache::find(NodeId directory) {
  const auto found = slots_.find(directory);
  if (found == slots_.end()) return nullptr;
  recency_.splice(recency_.begin(), recency_, found->second.recency);
  found->second.used = true;
  return &found->second;
}

void DirectoryCache::keep(NodeId directory, DirectoryFd fd) {
  recency_.push_front(directory);
  slots_[directory] = {std::move(fd), recency_.begin(), true};
  if (slots_.size() > capacity_) drop(recency_.back());
}

void DirectoryCache::drop(NodeId directory) {
  const auto found = slots_.find(directory);
  if (found == slots_.end()) return;
  recency_.erase(found->second.recency);
  slots_.erase(found);
}

bool DirectoryCache::is_top(NodeId directory) const {
  return tree_.is_root(directory) || tree_.has(directory, DirMark::linked);
}

void DirectoryCache::drop_tops() {
  for (auto at = recency_.begin(); at != recency_.end();) {
    const NodeId directory = *at++;
    if (!is_top(directory)) continue;
    const bool removable = tree_.first_child(directory) == kNoNode;
    if (removable || slots_.at(directory).fd->mounted) drop(directory);
  }
}

void DirectoryCache::age() {
  for (auto at = recency_.begin(); at != recency_.end();) {
    const NodeId directory = *at++;
    if (!std::exchange(slots_.at(directory).used, false)) drop(directory);
  }
}

}  // namespace lookout
