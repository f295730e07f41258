// Handles an entry that has appeared at a path where the tree has none: it was created, or renamed
// from another path. Each change is applied to the tree and reported at once. Reconciler owns it;
// EntryCheck and BlockerReplacement call it.
#pragma once

#include <string_view>

#include "watch/disk/disk.h"
#include "watch/model/tree.h"
#include "watch/model/visibility.h"
#include "watch/reconcile/access_failures.h"
#include "watch/reconcile/departures.h"
#include "watch/reconcile/entry_comparison.h"
#include "watch/reconcile/entry_reader.h"
#include "watch/reconcile/hard_links.h"
#include "watch/reconcile/hint_intake.h"
#include "watch/reconcile/moments.h"
#include "watch/reconcile/node_owners.h"
#include "watch/reconcile/open_writers.h"
#include "watch/reconcile/pass.h"
#include "watch/reconcile/rename_finder.h"
#include "watch/reconcile/retries.h"
#include "watch/reconcile/root_settings.h"
#include "watch/reconcile/round_queue.h"

namespace lookout {

class EntryChanges {
 public:
  EntryChanges(Tree& tree, Visibility& visibility, const RootSettings& roots,
               const Moments& moments, Retries& retries, RoundQueue& queue, HintIntake& hints,
               HardLinks& hard_links, Departures& departures, OpenWriters& writers,
               AccessFailures& failures, RenameFinder& renames, EntryComparison& comparison,
               NodeOwners& owners)
      : tree_(tree),
        visibility_(visibility),
        roots_(roots),
        moments_(moments),
        retries_(retries),
        queue_(queue),
        hints_(hints),
        hard_links_(hard_links),
        departures_(departures),
        writers_(writers),
        failures_(failures),
        renames_(renames),
        comparison_(comparison),
        owners_(owners) {}
  EntryChanges(const EntryChanges&) = delete;
  EntryChanges& operator=(const EntryChanges&) = delete;

  // An entry exists on disk at `place`, where the tree has none.
  void appear(const DirtyName& place, const FileStatus& seen, Pass& pass);
  // The entry `source` of the tree is at `place` now, where the tree has none.
  void rename(NodeId source, const DirtyName& place, const FileStatus& seen, Pass& pass);
  // Lists a new directory, or compares the other links of a new file.
  void follow_up_new(NodeId node, const FileStatus& seen, Hints hints, Pass& pass);

 private:
  void check_again_last(DirtyName place);
  void recheck_links_left(NodeId source, NodeId destination);

  Tree& tree_;
  Visibility& visibility_;
  const RootSettings& roots_;
  const Moments& moments_;
  Retries& retries_;
  RoundQueue& queue_;
  HintIntake& hints_;
  HardLinks& hard_links_;
  Departures& departures_;
  OpenWriters& writers_;
  AccessFailures& failures_;
  RenameFinder& renames_;
  EntryComparison& comparison_;
  NodeOwners& owners_;
};

}  // namespace lookout
