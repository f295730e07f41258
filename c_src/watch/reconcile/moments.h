// Up to which moment the tree is known to be correct: the clean moment for the whole tree, and a
// moment of its own for each blind directory, one whose changes may cause no event, and for each
// file that a listing could not compare. All moments are those of inode_clock(), in nanoseconds.
// Reconciler owns it.
//
// The reconciler moves the clean moment: at the end of each round that left nothing to be checked,
// and when the engine has read the kernel's queue while nothing is unsettled. Scans and failures
// add blind directories; only a listing that compared the whole directory moves or ends their
// moments.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "watch/model/content_rules.h"
#include "watch/model/tree.h"
#include "watch/reconcile/root_settings.h"

namespace lookout {

class Moments {
 public:
  Moments(const Tree& tree, const RootSettings& roots);
  Moments(const Moments&) = delete;
  Moments& operator=(const Moments&) = delete;

  // --- the clean moment ---
  // Every event that was queued before it has been handled.
  std::int64_t clean() const { return clean_; }
  // A round begins; the kernel's queue was read at `drained`.
  void begin_round(std::int64_t drained);
  // The round that ends has checked everything that was dirty.
  void end_clean_round();
  // The kernel's queue was read, starting at `drained`, and nothing is unsettled.
  void confirm(std::int64_t drained);
  // Whether neither begin_round() nor unconfirm() was called since confirm().
  bool is_confirmed() const { return confirmed_; }
  // Something may be unsettled again.
  void unconfirm() { confirmed_ = false; }
  // Events were lost. hints_lost() holds until the end of a round that has checked everything.
  void lose_hints() { hints_lost_ = true; }
  bool hints_lost() const { return hints_lost_; }
  // The tree is that of a snapshot with this clean moment. If the clock is behind the snapshot, the
  // clean moment is 0: no time stamp proves that a file is unchanged. `moments` has the directories
  // with a moment of their own.
  void resume(std::int64_t moment, const std::vector<std::pair<NodeId, std::int64_t>>& moments);

  // --- blind directories ---
  bool any_blind() const { return !blind_.empty(); }
  bool is_blind(NodeId directory) const { return blind_.contains(directory); }
  // When the entries of a blind directory were last known; nullopt for any other directory.
  std::optional<std::int64_t> blind_since(NodeId directory) const;
  // The directory is blind from now on, since the clean moment or since `moment`, unless it is
  // blind already.
  void add_blind(NodeId directory) { add_blind(directory, clean_); }
  void add_blind(NodeId directory, std::int64_t moment) { blind_.try_emplace(directory, moment); }
  // A listing that began at `started` has compared all entries of a directory.
  void compared(NodeId directory, std::int64_t started);
  void forget_directory(NodeId directory) { blind_.erase(directory); }

  // --- files that a listing could not compare ---
  // The check of a file by a listing of its directory failed or has no response yet. The moment of
  // the directory may move without it: the file is to be compared with the present moment, whenever
  // that is.
  void not_compared(NodeId file);
  bool is_not_compared(NodeId file) const { return not_compared_.contains(file); }
  // The file was compared, or the tree is about to remove it.
  void forget_file(NodeId file) { not_compared_.erase(file); }

  // What the tree has recorded about a file, for the decision whether it was written.
  KnownFile known(NodeId file) const;

 private:
  std::optional<std::int64_t> without_events(NodeId file) const;

  const Tree& tree_;
  const RootSettings& roots_;
  std::unordered_map<NodeId, std::int64_t> blind_;
  std::unordered_map<NodeId, std::int64_t> not_compared_;
  std::int64_t drained_;  // when the kernel's queue was read for this round
  std::int64_t clean_;
  std::int64_t clock_offset_;  // inode clock minus monotonic clock, to detect steps of the former
  bool hints_lost_ = false;
  bool confirmed_ = true;
};

}  // namespace lookout
