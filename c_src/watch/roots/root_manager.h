// Keeps the roots in step with what exists at their paths: loads a root that appears, gives up one
// that is gone, and decides which root reports what is below several of them. EngineModel owns it;
// EngineLoop and the classes that it owns call it.
//
// A root is checked when something may have changed for it: an event on a component of its path, on
// its own directory, or another root that comes or goes. So a change costs work for the roots that
// it concerns and for no others.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "snapshot/format.h"
#include "support/error.h"
#include "watch/disk/path_watches.h"
#include "watch/disk/remote_calls.h"
#include "watch/model/tree.h"
#include "watch/model/watch_options.h"
#include "watch/reconcile/reconciler.h"
#include "watch/roots/root_bases.h"
#include "watch/roots/root_checks.h"
#include "watch/roots/root_paths.h"
#include "watch/roots/root_presence.h"
#include "watch/roots/roots.h"
#include "watch/sources/fswatch.h"

namespace lookout {

class RootManager {
 public:
  using Pointer = Roots::Pointer;

  // `sink` receives the notices about roots.
  RootManager(Tree& tree, Visibility& visibility, PathWatches& paths, Reconciler& reconciler,
              const RemoteMounts& mounts, ChangeSink& sink)
      : tree_(tree),
        visibility_(visibility),
        reconciler_(reconciler),
        mounts_(mounts),
        sink_(sink),
        roots_(tree, visibility),
        checks_(roots_),
        root_paths_(tree, paths, mounts, roots_, checks_),
        presence_(roots_, checks_, sink),
        bases_(tree, reconciler, roots_, checks_, root_paths_, presence_) {}

  const Roots& roots() const { return roots_; }
  // The node of a root, or of the directory that contains it; kNoNode if nothing exists there.
  NodeId directory_of(const Root& root) const { return root_paths_.directory_of(root); }

  // Adds paths in two steps: all of them or, on an error, none. prepare() returns the reason if one
  // of them cannot be watched or is watched already; a path that is given twice is added once. A
  // path that does not exist, or cannot be checked, is no error with `wait_for_missing` or if it is
  // in `saved`. `allows` may refuse what is found at a path.
  using Prepared = std::vector<Roots::Pointer>;
  using Allows = std::function<std::optional<Error>(const Root&)>;
  Result<Prepared> prepare(const std::vector<std::string>& paths, const WatchOptions& options,
                           const std::set<std::string>& saved, const Allows& allows);
  void begin(const Prepared& prepared);
  // Takes over the roots of a snapshot, whose nodes the tree has. Entries of a root that is not in
  // `prepared` are reported as deleted, those of one that is not in the snapshot as created.
  // begin_adoption() comes first, then adopt() until it returns false: each call takes over one
  // root, or one single file, or reads a little more of git's files above a root.
  struct Adoption {
    std::map<std::string, Pointer> asked;  // roots of `prepared` not matched yet
    WatchOptions options;
    Filter filter;
    std::size_t next = 0;    // index of the root in the snapshot
    Pointer root = nullptr;  // the root at `next`, once created
    std::size_t name = 0;    // index of its next single file
  };
  static Adoption begin_adoption(const Prepared& prepared, const WatchOptions& options);
  bool adopt(Adoption& adoption, const SnapshotHeader& header, const std::vector<NodeId>& nodes);
  // Stops watching a path that was added; returns false if there is none.
  bool remove(const std::string& path);

  // --- checks ---
  RootChecks& checks() { return checks_; }
  const RootChecks& checks() const { return checks_; }
  // Compares one root with what exists at its path.
  void check();

  // --- what else may concern roots ---
  // Other entries than before are visible at and below a directory.
  void visibility_changed(NodeId directory);
  // Checks what depends on these mount points, whose paths have no symbolic links. With `changed`
  // another file system, or none, is mounted there now; without, that is only possible.
  void mounted(const std::vector<std::string>& places, bool changed);
  // Each reported change goes through its before() and after().
  RootPresence& presence() { return presence_; }
  // The paths that the program fswatch must watch, and a path that it has printed.
  bool uses_fswatch() const { return uses_fswatch_; }
  std::vector<Fswatch::WatchedPath> fswatched() const { return root_paths_.fswatched(); }
  void printed(const std::string& path);

  // --- loading and reporting ---
  // Loads a little more of a root; returns false when none is being loaded.
  bool load();
  // Whether entries of some root are still to be reported.
  bool has_unreported() const;
  // Returns the next entry of a new root that must be reported as created; kNoNode: none this time,
  // but call it again; nullopt if there is none.
  std::optional<NodeId> report();
  // The node of a root that was given up is no longer in the tree.
  void root_removed(NodeId node);

 private:
  bool read_rules_above(const Pointer& root);
  void complete_rules_above(const Pointer& root);

  void check_present(const Pointer& root, const Result<Target>& found);
  void check_absent(const Pointer& root, const Result<Target>& found);
  void add_root(const Pointer& root);
  bool may_be_reported_elsewhere(const Root& root) const;
  void take_over(const Pointer& root);
  void not_checked(const Pointer& root, const Error& error);
  void leave(const Pointer& root);
  void forget(const Pointer& root);

  // roots of a snapshot (root_manager_cursor.cpp)
  Pointer make_adopted(Adoption& adoption, const SnapshotRoot& saved, NodeId node);
  void adopt_directory(const Pointer& root, const SnapshotHeader& header,
                       const SnapshotRoot& saved);
  void adopt_file(Adoption& adoption, const std::string& name);
  RootOptions root_options(const Root& root, ScopePtr above) const;

  Tree& tree_;
  Visibility& visibility_;
  Reconciler& reconciler_;
  const RemoteMounts& mounts_;
  ChangeSink& sink_;
  Roots roots_;
  RootChecks checks_;
  RootPaths root_paths_;
  RootPresence presence_;
  RootBases bases_;
  bool uses_fswatch_ = false;  // some root uses fswatch, or did
};

}  // namespace lookout
