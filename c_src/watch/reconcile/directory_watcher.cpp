#include "watch/reconcile/directory_watcher.h"

#include <cerrno>

#include "watch/disk/confinement.h"
#include "watch/disk/disk.h"
#include "watch/disk/remote_calls.h"

namespace lookout {

bool DirectoryWatcher::watch(NodeId directory, const DirectoryFd& fd) {
  if (!is_allowed(fd->get())) {
    if (make_opaque(directory)) notices_.not_allowed(directory);
    return false;
  }
  if (leaves_out(directory, file_system(directory, fd).pseudo)) return false;
  if (is_to_be_polled(directory, fd)) {
    start_polling(directory);
    return true;
  }
  const int watch = watch_directory(source_, fd, roots_.of(directory).backend);
  if (watch != kNoWatch) {
    take_number(directory, watch);
    tree_.set_watch(directory, watch);
    if (tree_.has(directory, DirMark::polled)) {
      tree_.set(directory, DirMark::polled, false);
      retries_.remove_polled(directory);
      if (retries_.polled() == 0 && files_.polled().empty()) notices_.watches_suffice();
    }
    return true;
  }
  switch (errno) {
    case ENOSPC:
      start_polling(directory);
      notices_.watch_limit(directory);
      return true;
    case ENOSYS:
      start_polling(directory);
      return true;
    case ENOENT:  // removed while it was open: the watch of its parent reports that
      return true;
    default:
      failures_.listing_failed(directory, errno);
      return false;
  }
}

// After INT_MAX, the kernel gives new watches the numbers of watches that have ended. If another
// directory still has this number, the hint of its end has not been read.
void DirectoryWatcher::take_number(NodeId directory, int watch) {
  if (tree_.watch(directory) == watch || !tree_.watch_in_use(watch)) return;
  for (const NodeId other : tree_.with_watch(watch)) {
    if (tree_.identity(other) == tree_.identity(directory)) continue;  // mounted twice
    tree_.set_watch(other, kNoWatch);
    tree_.set(other, DirMark::stale);
    tree_.set(other, DirMark::suspect);
    moments_.add_blind(other);
    retries_.defer(other);
  }
}

// Whether hints would not report every change in a directory, or its root asks for polling.
bool DirectoryWatcher::is_to_be_polled(NodeId directory, const DirectoryFd& fd) {
  switch (roots_.of(directory).backend) {
    case Backend::poll:
    case Backend::fswatch:
      return true;
    case Backend::inotify:
    case Backend::fanotify:
      return false;
    case Backend::automatic:
      break;
  }
  const FileSystem& system = file_system(directory, fd);
  const std::string_view name = system.remote.empty() ? system.pseudo : system.remote;
  if (name.empty()) return false;
  notices_.polled(directory, name);
  return true;
}

const FileSystem& DirectoryWatcher::file_system(NodeId directory, const DirectoryFd& fd) {
  if (fd->mount()) return fd->system();
  return file_systems_.of(fd->get(), tree_.identity(directory).device);
}

FileSystem DirectoryWatcher::for_listing(NodeId directory, const DirectoryFd& fd) {
  return fd->mount() ? FileSystem{} : file_system(directory, fd);
}

bool DirectoryWatcher::leaves_out(NodeId directory, std::string_view file_system) {
  if (file_system.empty()) return false;
  if (roots_.of(directory).backend != Backend::automatic ||
      tree_.identity(directory).device == tree_.identity(tree_.root_of(directory)).device) {
    return false;
  }
  if (make_opaque(directory)) notices_.unwatched(directory, file_system);
  return true;
}

void DirectoryWatcher::start_polling(NodeId directory) {
  tree_.set_watch(directory, kNoWatch);
  tree_.set(directory, DirMark::polled);
  retries_.add_polled(directory);
  // A listing that compares the directory finds what has changed since the clean moment.
  moments_.add_blind(directory,
                     tree_.has(directory, DirMark::suspect) ? moments_.clean() : inode_clock());
}

// The directory is reported without its entries. Returns whether it was reported with them before.
bool DirectoryWatcher::make_opaque(NodeId directory) {
  if (tree_.has(directory, DirMark::opaque)) return false;
  tree_.set(directory, DirMark::opaque);
  tree_.set(directory, DirMark::stale, false);
  tree_.set(directory, DirMark::suspect, false);
  return true;
}

}  // namespace lookout
