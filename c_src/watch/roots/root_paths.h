// Where the paths of roots lead: what exists there, and the path without symbolic links. Watches
// the components of each path, so that a root is checked when its path may lead elsewhere.
// RootManager owns it; RootManager and RootBases call it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "support/error.h"
#include "watch/disk/path_watches.h"
#include "watch/disk/remote_mounts.h"
#include "watch/model/tree.h"
#include "watch/roots/root_checks.h"
#include "watch/roots/roots.h"
#include "watch/sources/fswatch.h"

namespace lookout {

class RootPaths {
 public:
  RootPaths(const Tree& tree, PathWatches& paths, const RemoteMounts& mounts, const Roots& roots,
            RootChecks& checks)
      : tree_(tree), paths_(paths), mounts_(mounts), roots_(roots), checks_(checks) {}
  RootPaths(const RootPaths&) = delete;
  RootPaths& operator=(const RootPaths&) = delete;

  // Makes a root, with a follower of its path that asks for a check of the root.
  RootPointer make_root(const std::string& path, const WatchOptions& options, const Filter& filter);
  // Checks a path; EAGAIN and ETIMEDOUT if the file system does not answer.
  Result<Target> probe(const std::string& path) const;
  // Watches the path of a root and checks what exists there.
  Result<Target> resolve(const RootPointer& root);
  // The root is no longer watched.
  void forget(const RootPointer& root);

  // The node of a root, or of the directory that contains it; kNoNode if nothing exists there.
  NodeId directory_of(const Root& root) const;
  // Whether the path of `inner` leaves `outer` through a symbolic link, so that `outer` does not
  // reach it.
  bool is_linked(const Root& outer, const Root& inner) const;
  // Whether another root reports, or will report, what exists at this root's path.
  bool is_covered(const Root& root) const;

  // Checks the roots at or below these mount points, whose paths have no symbolic links. With
  // `changed` another file system, or none, is mounted there now; without, that is only possible.
  void mounted(const std::string& place, bool changed);
  // A path without symbolic links as seen from the roots that are above it.
  struct Below {
    NodeId root;
    std::string path;  // relative to the root
  };
  std::vector<Below> roots_above(const std::string& place) const;
  // The paths that the program fswatch must watch, and the roots that a printed path concerns.
  std::vector<Fswatch::WatchedPath> fswatched() const;
  std::vector<Below> printed(const std::string& path) const;

 private:
  class Follower;

  std::string real_path(const std::string& path) const;
  void set_real(const RootPointer& root, std::string real);

  const Tree& tree_;
  PathWatches& paths_;
  const RemoteMounts& mounts_;
  const Roots& roots_;
  RootChecks& checks_;
  std::multimap<std::string, RootPointer> by_real_;  // roots whose path leads somewhere
};

// Whether nothing exists at a path, as opposed to a path that cannot be checked now.
bool is_gone(const Error& error);

}  // namespace lookout
