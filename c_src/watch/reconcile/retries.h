// Everything that is to be checked again later: when a timer fires, when a directory above changes,
// or in the next round. Makes no system call. Reconciler owns it.
//
// Checks and scans add what they could not finish, each by the event that may help. The reconciler
// takes it out when that event comes. Nothing is lost: what is taken out is checked, or added
// again. Names and directories that have left the tree meanwhile are not returned.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "watch/model/dirty_set.h"
#include "watch/model/in_turn.h"
#include "watch/model/trail.h"
#include "watch/model/tree.h"
#include "watch/reconcile/denied_directories.h"

namespace lookout {

// A poll retries at most this many failed directories and this many failed names, in turn. So its
// cost is bounded, even if another user has made very many of them.
inline constexpr std::size_t kFailuresPerPoll = 256;
inline constexpr std::size_t kAllFailures = std::numeric_limits<std::size_t>::max();
// Links with more components than are watched. Each takes milliseconds, also for a sync.
inline constexpr std::size_t kLongLinksPerPoll = 16;

class Retries {
 public:
  explicit Retries(const Tree& tree) : tree_(tree), denied_(tree) {}
  Retries(const Retries&) = delete;
  Retries& operator=(const Retries&) = delete;

  // --- after a transient error: until the retry timer fires, or a round begins for a name ---
  void add_later(DirtyName name) { later_names_.push_back(std::move(name)); }
  void add_later(NodeId directory) { later_directories_.push_back(directory); }
  bool any_later() const { return !later_names_.empty() || !later_directories_.empty(); }
  std::vector<DirtyName> take_names();
  // The directories that wait for the timer wait for the next round now.
  void defer_directories();

  // --- directories that wait for a check of a directory above: until the next round ---
  void defer(NodeId directory) { deferred_.push_back(directory); }
  bool any_deferred() const { return !deferred_.empty(); }
  // The deferred directories that must still be listed.
  std::vector<NodeId> take_deferred();

  // --- what no event reports: until the poll timer fires, or a mount answers ---
  // Directories that could not be read, and names: for example those on local file systems that
  // lead to a mount which does not answer.
  void add_failed(NodeId directory) { failed_.add(directory); }
  void add_failed(const DirEntry& place) { failed_names_.add(place); }
  // A link whose path has too many components to be watched.
  void add_long_link(const DirEntry& place) { long_links_.add(place); }
  bool is_failed(NodeId directory) const { return failed_.contains(directory); }
  std::vector<NodeId> take_failed(std::size_t most) { return failed_.take(most); }
  // Returns the next `most` failed names and the next kLongLinksPerPoll long links.
  std::vector<DirEntry> take_failed_names(std::size_t most);

  // --- directories without a watch: at every poll ---
  void add_polled(NodeId directory) { polled_.insert(directory); }
  void remove_polled(NodeId directory) { polled_.erase(directory); }
  std::size_t polled() const { return polled_.size(); }
  // Children first, since a scan takes directories from the end of its agenda.
  std::vector<NodeId> polled_directories() const;
  // Whether anything waits for the poll timer.
  bool needs_poll() const {
    return !polled_.empty() || !failed_.empty() || !failed_names_.empty() || !long_links_.empty() ||
           !moved_.empty();
  }

  // --- directories that may not be read, and those whose mode denies that ---
  // They are listed again when the mode of one of them, or of a directory above, changes.
  void add_denied(NodeId directory) { denied_.add(directory); }
  bool any_denied_below(NodeId directory) const { return denied_.any_below(directory); }
  // Called for each directory that was moved in the tree, too.
  std::vector<NodeId> take_denied_below(NodeId directory) { return denied_.take_below(directory); }

  // --- directories that a listing found to be gone, while their names are still found ---
  // Returns when listing this directory failed for the first time although its name was found, in
  // nanoseconds of monotonic_clock(). The first call returns `now`.
  std::int64_t vanished_since(NodeId directory, std::int64_t now) {
    return vanished_.try_emplace(directory, now).first->second;
  }
  void found(NodeId directory) { vanished_.erase(directory); }

  // --- remote directories that could not be opened although their names were found ---
  enum class Moved {
    first,      // its name must be checked: for the first time in this round
    in_round,   // its name was or will be checked in this round
    repeatedly  // since the last poll, in rounds that have checked its name
  };
  Moved moved(NodeId directory, std::uint64_t round);
  void forget_moves() { moved_.clear(); }

  // Names and directories that wait for a timer or for the next round.
  std::size_t waiting() const {
    return later_names_.size() + later_directories_.size() + deferred_.size();
  }
  void forget_directory(NodeId directory);
  // The engine is idle: frees the memory of a large round.
  void rest();

 private:
  const Tree& tree_;
  std::vector<DirtyName> later_names_;
  std::vector<NodeId> later_directories_;
  std::vector<NodeId> deferred_;
  InTurn<NodeId> failed_;
  InTurn<DirEntry> failed_names_;
  InTurn<DirEntry> long_links_;
  std::unordered_set<NodeId> polled_;
  DeniedDirectories denied_;
  std::unordered_map<NodeId, std::int64_t> vanished_;
  struct Rounds {
    std::uint64_t first;
    std::uint64_t last;
  };
  std::map<DirEntry, Rounds> moved_;
};

}  // namespace lookout
