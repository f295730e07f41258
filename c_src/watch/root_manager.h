// Keeps the roots in step with what exists at their paths: loads a root that appears, gives up one
// that is gone, and decides which root reports what is below several of them.
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
#include "watch/fswatch.h"
#include "watch/path_watches.h"
#include "watch/reconciler.h"
#include "watch/remote_calls.h"
#include "watch/roots.h"
#include "watch/tree.h"
#include "watch/watch_options.h"

namespace lookout {

class RootManager {
 public:
  // `sink` receives the notices about roots.
  RootManager(Tree& tree, Visibility& visibility, PathWatches& paths, Reconciler& reconciler,
              const RemoteMounts& mounts, ChangeSink& sink)
      : tree_(tree),
        visibility_(visibility),
        paths_(paths),
        reconciler_(reconciler),
        mounts_(mounts),
        sink_(sink),
        roots_(tree, visibility) {}

  const Roots& roots() const { return roots_; }
  // The node of a root, or of the directory that contains it; kNoNode if nothing exists there.
  NodeId directory_of(const Root& root) const;

  // Adds all paths. If one of them cannot be watched or is watched already, adds none and returns
  // the reason. A path that is given twice is added once. With `wait_for_missing` a path that does
  // not exist, or cannot be checked, is no error.
  std::optional<Error> add(const std::vector<std::string>& paths, const WatchOptions& options);
  // The two halves of add(). Paths in `saved` may be missing; `allows` may refuse what is found at
  // a path.
  using Prepared = std::vector<Roots::Pointer>;
  using Allows = std::function<std::optional<Error>(const Root&)>;
  Result<Prepared> prepare(const std::vector<std::string>& paths, const WatchOptions& options,
                           const std::set<std::string>& saved, const Allows& allows);
  void begin(const Prepared& prepared);
  // Takes over the roots of a snapshot, whose nodes the tree has. Entries of a root that is not in
  // `prepared` are reported as deleted, those of one that is not in the snapshot as created.
  void resume(const Prepared& prepared, const WatchOptions& options, const SnapshotHeader& header,
              const std::vector<NodeId>& nodes);
  // Stops watching a path that was added; returns false if there is none.
  bool remove(const std::string& path);

  // --- checks ---
  bool check_due() const { return !due_.empty(); }
  // Whether a check must come before other work, since two roots may report the same paths.
  bool check_urgent() const { return !urgent_.empty(); }
  // Compares one root with what exists at its path.
  void check();
  // Asks for a check: of a root, of all, of those that could not be checked for a transient reason,
  // and of those for which the kernel sends no events.
  void doubt(const Roots::Pointer& root);
  void doubt(NodeId root);
  void doubt_all();
  void doubt_transient();
  void doubt_unwatched();
  bool any_transient() const { return !transient_.empty(); }
  bool any_unwatched() const { return !unwatched_.empty(); }
  // The number of the last check that was asked for, and whether all checks up to a number are
  // done.
  std::uint64_t last_check() const { return last_check_; }
  bool is_checked(std::uint64_t check) const { return checks_.empty() || *checks_.begin() > check; }

  // --- what else may concern roots ---
  // Other entries than before are visible at and below a directory.
  void visibility_changed(NodeId directory);
  // Checks what depends on these mount points, whose paths have no symbolic links. With `changed`
  // another file system, or none, is mounted there now; without, that is only possible.
  void mounted(const std::vector<std::string>& places, bool changed);
  // Whether reported changes may concern roots that other roots report; then the caller passes each
  // change through before() and after().
  bool follows_changes() const { return !tracked_.empty() || !handed_over_.empty(); }
  void before(const Event& event);
  void after(const Event& event);
  // The places that the program fswatch must watch, and a path that it has printed.
  bool uses_fswatch() const { return uses_fswatch_; }
  std::vector<Fswatch::Place> fswatched() const;
  void printed(const std::string& path);

  // --- loading and reporting ---
  // Loads a little more of a root; returns false when none is being loaded.
  bool learn();
  // Whether entries of some root are still to be reported.
  bool has_untold() const;
  // Returns the next entry of a new root that must be reported as created; nullopt if there is
  // none.
  struct Telling {
    NodeId node = kNoNode;  // kNoNode: nothing this time, but ask again
  };
  std::optional<Telling> tell();
  // The node of a root that was given up is no longer in the tree.
  void root_removed(NodeId node);

 private:
  class Follower;
  using Pointer = Roots::Pointer;

  // As probe(); EAGAIN and ETIMEDOUT if the file system does not answer.
  Result<Target> probe_at(const std::string& path) const;
  Result<Target> resolve(const Pointer& root);
  std::string real_path(const std::string& path) const;
  void set_real(const Pointer& root, std::string real);
  bool is_linked(const Root& outer, const Root& inner) const;
  bool is_covered(const Root& root) const;
  bool read_rules_above(const Pointer& root);
  void complete_rules_above(const Pointer& root);
  Pointer make_root(const std::string& path, const WatchOptions& options, const Filter& filter);
  void doubt_below(const std::string& path);

  void settle_check(const Pointer& root);
  void check_present(const Pointer& root, const Result<Target>& found);
  void check_absent(const Pointer& root, const Result<Target>& found);
  void compare_presence(Root& root, bool gone);
  void add_root(const Pointer& root);
  bool may_be_told_elsewhere(const Root& root) const;
  void take_over(const Pointer& root);
  void not_checked(const Pointer& root, const Error& error);
  void leave(const Pointer& root);
  void lose(Root& root);
  void find_again(Root& root);
  void forget(const Pointer& root);

  // single files
  void join_base(const Pointer& root);
  void leave_base(const Pointer& root);
  void hand_over(const Root& root);

  // roots of a snapshot (root_manager_cursor.cpp)
  void adopt_directory(const Pointer& root, const SnapshotHeader& header, const SnapshotRoot& saved,
                       NodeId node);
  void adopt_files(const SnapshotHeader& header, const SnapshotRoot& saved, NodeId node,
                   const WatchOptions& options, std::map<std::string, Pointer>& asked);
  RootOptions root_options(const Root& root, ScopePtr above) const;

  // Roots whose entries another root reports, or a base: those at and below a path.
  std::vector<Pointer> tracked(const std::string& path) const;
  void untrack(const Pointer& root);

  Tree& tree_;
  Visibility& visibility_;
  PathWatches& paths_;
  Reconciler& reconciler_;
  const RemoteMounts& mounts_;
  ChangeSink& sink_;
  Roots roots_;
  bool uses_fswatch_ = false;  // some root uses fswatch, or did

  Roots::Ordered due_;
  Roots::Ordered urgent_;  // the urgent ones of due_
  Roots::Ordered transient_;
  Roots::Ordered unwatched_;
  std::set<Pointer> doubted_while_telling_;
  std::uint64_t last_check_ = 0;
  std::set<std::uint64_t> checks_;  // those that are due
  // Roots whose entries another root, or a base, reports: by path.
  std::map<std::string, Pointer> tracked_;
  // Paths whose entry leaves a base although the file exists: its deletion does not mean that the
  // root is gone.
  std::set<std::string> handed_over_;
  std::multimap<std::string, Pointer> by_real_;  // roots that have a node
};

}  // namespace lookout
