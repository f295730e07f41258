// Entries on their way out of the tree: parked, blocking, to be deleted, or given up with their
// root. Makes no system call. Reconciler owns it.
//
// A parked entry is no longer at its path, and may be found at another one: then it was renamed.
// Entries parked in one round are deleted at the end of the next, when every event that was queued
// before that round has been processed. If another entry appears at the path of a parked entry, it
// is blocked until the parked entry, the blocker, has been renamed or deleted.
//
// The check of an entry parks, unparks and blocks. When a round has nothing else to check, the
// reconciler asks for blockers first and for expired entries second. It deletes what these, and
// remove_root(), have queued one by one, the deepest first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <tuple>
#include <vector>

#include "watch/model/blocked_creates.h"
#include "watch/model/tree.h"
#include "watch/reconcile/round_progress.h"
#include "watch/reconcile/round_queue.h"

namespace lookout {

class Departures {
 public:
  Departures(Tree& tree, RoundQueue& queue, RoundProgress& progress)
      : tree_(tree), queue_(queue), progress_(progress) {}
  Departures(const Departures&) = delete;
  Departures& operator=(const Departures&) = delete;

  // Whether anything is parked, blocked or queued.
  bool any() const;

  // --- parked entries ---
  void park(NodeId node, std::uint64_t round);
  // The parked entry was found, at its path or at another one: ends its parking, and checks again
  // what it has blocked.
  void unpark(NodeId node);
  // The parked entries with this identity; of an inode with several names at most `most`.
  std::vector<NodeId> parked_with(Identity identity) const;
  std::vector<NodeId> parked_names(Identity identity, std::size_t most) const;

  // --- blocked entries ---
  bool any_blocked() const { return !blocked_.empty(); }
  void block(NodeId blocker, Blocked blocked) { blocked_.add(blocker, std::move(blocked)); }
  // The next entry to be deleted or replaced, since it has blocked another one since an earlier
  // round: preferably one whose inode no blocked entry has. kNoNode if there is none. What its
  // deletion frees must be checked before the next call.
  NodeId next_blocker(std::uint64_t round);
  const Blocked& blocked_by(NodeId blocker) const { return *blocked_.find(blocker); }
  // next_blocker() returns this entry again.
  void add_blocker(NodeId blocker) { blockers_.push_back(blocker); }
  // Ends the block without another check, and returns the identity of what was blocked.
  Identity unblock(NodeId blocker) { return blocked_.release(blocker)->identity; }
  // The block of an entry with the identity `wanted` has ended. If no other blocked entry has that
  // identity, next_blocker() returns the parked entries with it that block others.
  void no_longer_wanted(Identity wanted);
  // Ends the block and checks again what was blocked.
  void release(NodeId blocker);

  // --- deletions ---
  // Queues for deletion what was parked before this round, except inodes that a blocked entry has.
  // Returns whether anything is queued.
  bool queue_expired(std::uint64_t round);
  void queue_delete(NodeId node);

  // Gives up a root, or the entry of a single file: nothing below it is checked any more, and its
  // entries are deleted. With `reporting` the deletions are reported. With `urgent` they must come
  // before any other report, since another root may report the same paths.
  struct Removal {
    bool reporting = true;
    bool urgent = false;
    // The first entry, parents first, that was not reported; its deletion and those of the entries
    // after it are not reported either.
    NodeId unreported = kNoNode;
  };
  void remove_root(NodeId node, const Removal& removal);
  bool any_removals() const { return !removals_.empty(); }
  bool any_urgent() const { return urgent_ > 0; }
  // Whether the next deletion of a removal is reported.
  bool reports_removal() const { return removals_.back().reporting; }
  // Whether the root of a directory was given up.
  bool is_removed(NodeId directory) const {
    return !removals_.empty() && tree_.has(tree_.root_of(directory), Mark::deleting);
  }

  // The next entry that the reconciler must delete; kNoNode if it has left the tree already.
  struct Deletion {
    NodeId node;
    bool reporting;
  };
  bool any_deletions() const { return !deletions_.empty(); }
  Deletion next_deletion() { return next(deletions_); }
  Deletion next_removal() { return next(removals_); }

  // The tree is about to remove this node.
  void forget(NodeId node);
  // The engine is idle: frees the memory of a large round.
  void rest();

 private:
  struct Parked {
    NodeId node;
    std::uint64_t round;
  };
  // An entry that is queued for deletion, with everything below it. The entries on the way down to
  // the one that is deleted next are queued after it.
  struct Queued {
    NodeId node;
    bool reporting;
    bool urgent = false;
  };

  Deletion next(std::vector<Queued>& stack);
  Queued pop(std::vector<Queued>& stack);
  void forget_parked(NodeId node);

  Tree& tree_;
  RoundQueue& queue_;
  RoundProgress& progress_;
  std::vector<Parked> parked_;
  // Parked entries whose inode has other names, by device and inode number.
  std::set<std::tuple<std::uint64_t, std::uint64_t, NodeId>> parked_names_;
  BlockedCreates blocked_;
  std::vector<NodeId> blockers_;   // to be deleted in this round, the last one first
  std::uint64_t blockers_of_ = 0;  // the round for which blockers_ was collected
  std::vector<Queued> deletions_;  // of this round
  std::vector<Queued> removals_;   // roots that were given up, and single files
  std::size_t urgent_ = 0;         // the number of urgent ones in removals_
};

}  // namespace lookout
