// Watches the files whose events their directory does not report: files that are mount points, and
// single files that are named by a symbolic link. Each has a watch of its own, or is polled.
// Reconciler owns it; the classes of reconcile/ call it.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "watch/disk/disk.h"
#include "watch/disk/open_directory.h"
#include "watch/disk/remote_mounts.h"
#include "watch/model/trail.h"
#include "watch/model/tree.h"
#include "watch/model/visibility.h"
#include "watch/reconcile/file_watches.h"
#include "watch/reconcile/notices.h"
#include "watch/reconcile/root_settings.h"
#include "watch/sources/hint_source.h"

namespace lookout {

class FileWatcher {
 public:
  FileWatcher(const Tree& tree, Visibility& visibility, const RootSettings& roots,
              HintSource& source, const RemoteMounts& mounts, Notices& notices)
      : tree_(tree),
        visibility_(visibility),
        roots_(roots),
        source_(source),
        mounts_(mounts),
        notices_(notices) {}
  FileWatcher(const FileWatcher&) = delete;
  FileWatcher& operator=(const FileWatcher&) = delete;

  // Whether the result of a stat of an entry must go through check().
  bool concerns(const FileStatus* seen) const {
    return !files_.empty() || (seen != nullptr && (seen->mounted || seen->linked));
  }
  // Adds the watch that the entry at `place` needs, or removes it, and returns what exists there:
  // after a new watch from a second stat, so that no change between the two is missed.
  std::variant<FileStatus, int> check(const DirEntry& place, const DirectoryFd& fd,
                                      std::variant<FileStatus, int> checked);
  // Returns the entries that an event concerns.
  std::vector<DirEntry> take(const Hint& hint);

  std::vector<DirEntry> all() const { return files_.all(); }
  const std::set<DirEntry>& polled() const { return files_.polled(); }
  std::uint64_t watches() const { return files_.watches(); }
  // The tree is about to remove this directory.
  void forget_directory(NodeId directory);

 private:
  void watch(const DirEntry& place, const DirectoryFd& fd, const FileStatus& seen);
  void unwatch(const DirEntry& place);

  const Tree& tree_;
  Visibility& visibility_;
  const RootSettings& roots_;
  HintSource& source_;
  const RemoteMounts& mounts_;
  Notices& notices_;
  FileWatches files_;
};

}  // namespace lookout
