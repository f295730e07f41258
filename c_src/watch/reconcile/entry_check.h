// Checks one name of a directory: compares what exists there with the tree. What is new is reported
// at once, what is gone is parked, and what is still there is compared. Reconciler owns it;
// Reconciler, DirectoryScan and ListingStarter call it.
#pragma once

#include <cstdint>
#include <string>

#include "watch/disk/directory_cache.h"
#include "watch/model/dirty_set.h"
#include "watch/model/tree.h"
#include "watch/model/visibility.h"
#include "watch/reconcile/access_failures.h"
#include "watch/reconcile/departures.h"
#include "watch/reconcile/entry_changes.h"
#include "watch/reconcile/entry_comparison.h"
#include "watch/reconcile/entry_reader.h"
#include "watch/reconcile/hard_links.h"
#include "watch/reconcile/hint_intake.h"
#include "watch/reconcile/notices.h"
#include "watch/reconcile/open_writers.h"
#include "watch/reconcile/pass.h"
#include "watch/reconcile/round_progress.h"
#include "watch/reconcile/round_queue.h"

namespace lookout {

class EntryCheck {
 public:
  EntryCheck(Tree& tree, Visibility& visibility, DirectoryCache& directories,
             const RoundProgress& progress, RoundQueue& queue, HintIntake& hints,
             HardLinks& hard_links, Departures& departures, OpenWriters& writers,
             EntryReader& reader, AccessFailures& failures, Notices& notices,
             EntryComparison& comparison, EntryChanges& changes)
      : tree_(tree),
        visibility_(visibility),
        directories_(directories),
        progress_(progress),
        queue_(queue),
        hints_(hints),
        hard_links_(hard_links),
        departures_(departures),
        writers_(writers),
        reader_(reader),
        failures_(failures),
        notices_(notices),
        comparison_(comparison),
        changes_(changes) {}
  EntryCheck(const EntryCheck&) = delete;
  EntryCheck& operator=(const EntryCheck&) = delete;

  void check(DirtyName dirty, Pass& pass);
  // Confirms that a file is unchanged, by a stat that was made while its listing was read ahead.
  // Returns false if check() must decide. What has changed since that stat has caused an event.
  bool confirm(NodeId file, const std::string& name, const FileStatus& seen);
  // How often an entry was checked.
  std::uint64_t count() const { return count_; }

 private:
  void compare(DirtyName dirty, const FileStatus& seen, Pass& pass);
  void leave_place(NodeId node, Hints hints);

  Tree& tree_;
  Visibility& visibility_;
  DirectoryCache& directories_;
  const RoundProgress& progress_;
  RoundQueue& queue_;
  HintIntake& hints_;
  HardLinks& hard_links_;
  Departures& departures_;
  OpenWriters& writers_;
  EntryReader& reader_;
  AccessFailures& failures_;
  Notices& notices_;
  EntryComparison& comparison_;
  EntryChanges& changes_;
  std::uint64_t count_ = 0;
};

}  // namespace lookout
