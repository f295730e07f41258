// Deletes or replaces the entries that block others, when a round has nothing else to check.
#pragma once

#include "watch/access_failures.h"
#include "watch/departures.h"
#include "watch/directory_cache.h"
#include "watch/disk.h"
#include "watch/entry_changes.h"
#include "watch/entry_reader.h"
#include "watch/node_owners.h"
#include "watch/open_writers.h"
#include "watch/pass.h"
#include "watch/rename_finder.h"
#include "watch/retries.h"
#include "watch/round_queue.h"
#include "watch/tree.h"

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
  void replace(const DirtyName& place, NodeId old, const Look& seen,
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
