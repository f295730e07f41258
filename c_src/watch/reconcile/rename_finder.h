// Finds the earlier path of an entry that is new at its path: which of the names of an inode was
// renamed. Reconciler owns it; EntryChanges and BlockerReplacement call it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "watch/disk/directory_cache.h"
#include "watch/disk/disk.h"
#include "watch/model/dirty_set.h"
#include "watch/model/tree.h"
#include "watch/reconcile/departures.h"
#include "watch/reconcile/entry_reader.h"
#include "watch/reconcile/moments.h"
#include "watch/reconcile/root_settings.h"

namespace lookout {

class RenameFinder {
 public:
  RenameFinder(Tree& tree, const RootSettings& roots, DirectoryCache& directories,
               const Moments& moments, const Departures& departures, EntryReader& reader)
      : tree_(tree),
        roots_(roots),
        directories_(directories),
        moments_(moments),
        departures_(departures),
        reader_(reader) {}
  RenameFinder(const RenameFinder&) = delete;
  RenameFinder& operator=(const RenameFinder&) = delete;

  void begin_round() { checks_.clear(); }

  struct Source {
    NodeId node = kNoNode;   // the entry that was renamed; kNoNode: none, or not known yet
    bool undecided = false;  // a candidate could not be checked because of a transient error
    // Not known yet: call find() again, with hint::kWaited, after the other dirty names of this
    // round.
    bool unfinished = false;
  };
  // Returns the entry that was renamed to `place`: one with the same identity that no longer exists
  // at its path. Checks on disk whether the candidates still exist, and adds those that do not to
  // the round.
  Source find(const DirtyName& place, const FileStatus& seen);

 private:
  // How far the check of all names of an inode has come, from the last to the first: `left` names
  // are unchecked.
  struct Check {
    std::size_t left;
    bool undecided = false;
  };

  Source find_among_many(const DirtyName& place, const FileStatus& seen);
  bool may_be_source(NodeId node, const DirtyName& place, const FileStatus& seen) const;
  bool on_two_mounts(NodeId from, NodeId to);
  NodeId mount_point_above(NodeId directory) const;

  Tree& tree_;
  const RootSettings& roots_;
  DirectoryCache& directories_;
  const Moments& moments_;
  const Departures& departures_;
  EntryReader& reader_;
  std::unordered_map<Identity, Check, HashIdentity> checks_;  // of this round
};

}  // namespace lookout
