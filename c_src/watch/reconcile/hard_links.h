// What a change of one name of a file means for its other names (hard links). Makes no system call.
// Reconciler owns it.
//
// A file may have 65,000 names, so not every event may cause a check of all of them: a name is
// checked at most once per round, and names are queued in steps.
//
// The check of an entry passes on hints and records what it has reported and compared; the
// reconciler calls step() in each round until it returns false.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>

#include "watch/disk/disk.h"
#include "watch/model/hint.h"
#include "watch/model/tree.h"
#include "watch/reconcile/round_queue.h"

namespace lookout {

class HardLinks {
 public:
  // Up to this many names are checked in one step, and need no records.
  static constexpr std::size_t kFewNames = 8;

  HardLinks(Tree& tree, RoundQueue& queue) : tree_(tree), queue_(queue) {}
  HardLinks(const HardLinks&) = delete;
  HardLinks& operator=(const HardLinks&) = delete;

  void begin_round();

  // --- hints for the other names ---
  // A hint about one name of a file applies to its other names. They are checked once per round, no
  // matter which name the hint was passed on from.
  void pass_on(NodeId node, Hints hints);
  // The hints apply to all names: an event named the inode alone.
  void pass_on_to_all(Identity identity, Hints hints);
  // Queues some of the names. Returns false if there was none.
  bool step();
  // How many files have names that are still to be queued.
  std::size_t waiting() const { return passing_on_.size(); }

  // --- what was reported in this round ---
  // Whether a file with several links was reported as a change of content; nullopt if it was not
  // reported.
  std::optional<bool> reported(NodeId node) const;
  void set_reported(NodeId node, bool content) { content_reported_[node] = content; }

  // --- what was compared ---
  // Whether all names of an inode have been compared with `seen`, or will be. If not, this records
  // `seen`, and the caller must have all names compared.
  bool are_compared(const FileStatus& seen);
  // Records the state of an entry in the tree.
  void set_signature(NodeId node, const FileStatus& seen);
  // A crawl does not compare the names that it finds.
  void forget_compared() { compared_.clear(); }

  // The node, or one name of an inode, was removed from the tree.
  void forget(NodeId node) { content_reported_.erase(node); }
  void forget(Identity identity);
  // The engine is idle: frees the memory of a large round.
  void rest();

 private:
  // The hints that this round has passed on to all names of an inode except `but`.
  struct PassedOn {
    Hints hints;
    NodeId but;
  };
  struct PassingOn {
    Identity identity;
    Hints hints;
    NodeId but;
    std::size_t left;  // the names at the positions from here on have been queued
  };

  void queue(NodeId node, Hints hints);

  Tree& tree_;
  RoundQueue& queue_;
  std::unordered_map<Identity, PassedOn, HashIdentity> passed_on_;  // in this round
  std::deque<PassingOn> passing_on_;
  std::unordered_map<NodeId, bool> content_reported_;
  // Inodes with many names: the signature with which all names known at that time were compared. No
  // name has been seen with another signature since.
  std::unordered_map<Identity, std::uint32_t, HashIdentity> compared_;
};

}  // namespace lookout
