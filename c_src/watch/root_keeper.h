// Keeps the roots in step with what stands at their paths: learns a root that appears, gives up
// one that is gone, and decides which root tells what stands below several of them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "support/error.h"
#include "watch/fswatch.h"
#include "watch/place_watches.h"
#include "watch/reconciler.h"
#include "watch/remote_calls.h"
#include "watch/roots.h"
#include "watch/tree.h"
#include "watch/watch_options.h"

namespace lookout {

class RootKeeper {
 public:
  // The sink gets the notices of roots that go and come.
  RootKeeper(Tree& tree, Visibility& visibility, PlaceWatches& places, Reconciler& reconciler,
             const RemoteMounts& mounts, ChangeSink& sink)
      : tree_(tree),
        places_(places),
        reconciler_(reconciler),
        mounts_(mounts),
        sink_(sink),
        roots_(tree, visibility) {}

  const Roots& roots() const { return roots_; }

  // Adds all paths or, when one of them cannot be watched or is watched already, none and says
  // why. A path given twice is taken once. With `wait_for_missing` one that does not exist, or
  // cannot be looked at, is no error.
  std::optional<Error> add(const std::vector<std::string>& paths, const WatchOptions& options);
  // Gives up a path as it was added; false when there is none such.
  bool remove(const std::string& path);

  // Whether check() is to be called, now or after a while.
  bool check_due() const { return reconciler_.roots_in_doubt(); }
  bool check_due_later() const { return check_later_; }
  // A root that cannot be looked at, and nothing will hint that it can be.
  bool check_due_slowly() const { return check_slowly_; }
  // Whether what stands below some root is still to be told.
  bool has_untold() const;
  void check_now() { reconciler_.set_roots_in_doubt(true); }
  // Something is mounted at these places, whose paths lead through no symbolic links; with
  // `changed` it is something else than before, or no more.
  void mounted(const std::vector<std::string>& places, bool changed);
  // Where the program fswatch is to look, and what it has printed.
  bool uses_fswatch() const { return uses_fswatch_; }
  std::vector<Fswatch::Place> fswatched() const;
  void printed(const std::string& path);
  // Compares each root with what stands at its path. Ends early, and is due again, when one is to
  // be learnt first.
  void check();
  // Compares the roots that others cover with the tree, as it is after a round.
  void check_covered();

  // Learns a little more of a root; false when none is being learnt.
  bool learn();
  // The next entry of a new root to be told as created, while there is one to be told.
  struct Telling {
    NodeId node = kNoNode;  // kNoNode: nothing this time, but ask again
  };
  std::optional<Telling> tell();
  // The node of a root that was given up is gone.
  void uprooted(NodeId node);

 private:
  // As probe(); EAGAIN and ETIMEDOUT where what stands there does not answer.
  Result<Target> probe_at(const std::string& path) const;
  std::string real_path(const std::string& path) const;
  bool is_linked(const Root& outer, const Root& inner) const;
  Result<ScopePtr> rules_above(const Root& root);
  // Watches the places on the way to the roots; whether that are others than before.
  bool follow_roots();
  void look_below(NodeId directory, const std::string& below);
  void drop(const Roots::Pointer& root);
  void check_planted(Root& root);
  bool plant(Root& root);
  bool may_cover_absent(const Root& root) const;
  bool may_be_told_elsewhere(const Root& root) const;
  void not_looked_at(Root& root, const Error& error);
  void take_over(const Root& root);
  void leave(Root& root);
  void lose(Root& root);
  void check_covered(Root& root);

  Tree& tree_;
  PlaceWatches& places_;
  Reconciler& reconciler_;
  const RemoteMounts& mounts_;
  ChangeSink& sink_;
  Roots roots_;
  bool uses_fswatch_ = false;         // or did
  bool check_after_telling_ = false;  // a root in doubt was being told
  bool check_later_ = false;          // a root could not be looked at for a passing reason
  bool check_slowly_ = false;         // or for another one
};

}  // namespace lookout
