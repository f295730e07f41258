// Everything that is to be checked again later: when a timer fires, when a directory above changes,
// or in the next round. Pure: makes no system call.
//
// Checks and scans add what they could not finish, each by the event that may help. The reconciler
// takes it out when that event comes. Nothing is lost: what is taken out is checked, or added
// again. Names and directories that have left the tree meanwhile are not returned.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "watch/model/dirty_set.h"
#include "watch/model/trail.h"
#include "watch/model/tree.h"

namespace lookout {

class Retries {
 public:
  explicit Retries(const Tree& tree) : tree_(tree) {}
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
  void add_failed(NodeId directory) { failed_.insert(directory); }
  void add_failed(const DirEntry& place) { failed_names_.insert(place); }
  bool is_failed(NodeId directory) const { return failed_.contains(directory); }
  std::unordered_set<NodeId> take_failed();
  std::vector<DirEntry> take_failed_names();

  // --- directories without a watch: at every poll ---
  void add_polled(NodeId directory) { polled_.insert(directory); }
  void remove_polled(NodeId directory) { polled_.erase(directory); }
  std::size_t polled() const { return polled_.size(); }
  // Children first, since a scan takes directories from the end of its agenda.
  std::vector<NodeId> polled_directories() const;
  // Whether anything waits for the poll timer.
  bool needs_poll() const { return !polled_.empty() || !failed_.empty() || !failed_names_.empty(); }

  // --- directories that may not be read, and those whose mode denies that ---
  // They are listed again when the mode of one of them, or of a directory above, changes.
  void add_denied(NodeId directory) { denied_.insert(directory); }
  std::vector<NodeId> take_denied_below(NodeId directory);

  // --- directories that a listing found to be gone, while their names are still found ---
  // Since when that is so, in nanoseconds of monotonic_clock(): at the first call `now`.
  std::int64_t vanished_since(NodeId directory, std::int64_t now) {
    return vanished_.try_emplace(directory, now).first->second;
  }
  void found(NodeId directory) { vanished_.erase(directory); }

  // Names and directories that wait for a timer or for the next round.
  std::size_t waiting() const {
    return later_names_.size() + later_directories_.size() + deferred_.size();
  }
  void forget_directory(NodeId directory);
  // Frees the memory of a large round.
  void rest();

 private:
  const Tree& tree_;
  std::vector<DirtyName> later_names_;
  std::vector<NodeId> later_directories_;
  std::vector<NodeId> deferred_;
  std::unordered_set<NodeId> failed_;
  std::set<DirEntry> failed_names_;
  std::unordered_set<NodeId> polled_;
  std::unordered_set<NodeId> denied_;
  std::unordered_map<NodeId, std::int64_t> vanished_;
};

}  // namespace lookout
