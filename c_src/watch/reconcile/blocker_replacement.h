// Deletes or replaces the entries that block others, when a round has nothing else to check.
// Reconciler owns it and calls it.
#pragma once

#include "watch/disk/directory_cache.h"
#include "watch/disk/disk.h"
#include "watch/model/tree.h"
#include "watch/reconcile/access_failures.h"
#include "watch/reconcile/departures.h"
#include "watch/reconcile/entry_changes.h"
#include "watch/reconcile/entry_reader.h"
#include "watch/reconcile/node_owners.h"
#include "watch/reconcile/open_writers.h"
#include "watch/reconcile/pass.h"
#include "watch/reconcile/rename_finder.h"
#include "watch/reconcile/retries.h"
#include "watch/reconcile/round_queue.h"

namespace lookout {

class BlockerReplacement {
 public:
  BlockerReplacement(Tree& tree, DirectoryCache& directories, Retries& retries, RoundQueue& queue,
                     Departures& departures, OpenWriters& writers, EntryReader& reader,
                     AccessFailures& failures, RenameFinder& renames, EntryChanges& changes,
                     NodeOwners& owners)
      : tree_(tree),
        directories_(directories),
        retries_(retries),
        queue_(queue),
        departures_(departures),
        writers_(writers),
        reader_(reader),
        failures_(failures),
        renames_(renames),
        changes_(changes),
        owners_(owners) {}
  BlockerReplacement(const BlockerReplacement&) = delete;
  BlockerReplacement& operator=(const BlockerReplacement&) = delete;

  // Ends one block that is older than `round`. Returns false if there is none.
  bool step(std::uint64_t round, Pass& pass);

 private:
  void make_way(NodeId blocker, Pass& pass);
  void replace(const DirtyName& place, NodeId old, const FileStatus& seen,
               const RenameFinder::Source& source, Pass& pass);

  Tree& tree_;
  DirectoryCache& directories_;
  Retries& retries_;
  RoundQueue& queue_;
  Departures& departures_;
  OpenWriters& writers_;
  EntryReader& reader_;
  AccessFailures& failures_;
  RenameFinder& renames_;
  EntryChanges& changes_;
  NodeOwners& owners_;
};

}  // namespace lookout
