// The reconciler turns hints into changes. A hint marks an entry as dirty; the reconciler checks
// dirty entries on disk, compares them with the tree and reports the differences. It applies every
// reported change to the tree, so that the changes can be replayed. EngineModel owns it;
// EngineLoop, RootManager and the classes that they own call it.
//
// Work proceeds in rounds. A round checks the names that were dirty when it began, and everything
// that these checks bring up. Hints that arrive meanwhile belong to the next round, so steady
// changes cannot keep a round from ending.
//
// A new entry is reported at once. An entry that is no longer at its path is parked, since its
// inode may be found at another path: then it was renamed. See departures.h.
//
// The crawl loads what exists below new roots, without a report, with an agenda and listings of its
// own.
//
// This class orders the work. Each part of it has its state for itself: hint_intake.h (which names
// are dirty), entry_check.h (a check of one name), directory_scan.h (listings), departures.h,
// hard_links.h, retries.h (what waits for a timer), moments.h (since when what is known).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "watch/disk/directory_cache.h"
#include "watch/disk/disk.h"
#include "watch/disk/file_system.h"
#include "watch/disk/path_watches.h"
#include "watch/disk/read_ahead.h"
#include "watch/disk/remote_mounts.h"
#include "watch/model/tree.h"
#include "watch/model/visibility.h"
#include "watch/reconcile/access_failures.h"
#include "watch/reconcile/agenda.h"
#include "watch/reconcile/blocker_replacement.h"
#include "watch/reconcile/change_sink.h"
#include "watch/reconcile/departures.h"
#include "watch/reconcile/directory_scan.h"
#include "watch/reconcile/directory_watcher.h"
#include "watch/reconcile/entry_changes.h"
#include "watch/reconcile/entry_check.h"
#include "watch/reconcile/entry_comparison.h"
#include "watch/reconcile/entry_loader.h"
#include "watch/reconcile/entry_reader.h"
#include "watch/reconcile/file_watcher.h"
#include "watch/reconcile/followed_links.h"
#include "watch/reconcile/hard_links.h"
#include "watch/reconcile/hint_intake.h"
#include "watch/reconcile/listing_starter.h"
#include "watch/reconcile/listings.h"
#include "watch/reconcile/moments.h"
#include "watch/reconcile/node_owners.h"
#include "watch/reconcile/notices.h"
#include "watch/reconcile/open_writers.h"
#include "watch/reconcile/pass.h"
#include "watch/reconcile/rename_finder.h"
#include "watch/reconcile/reporter.h"
#include "watch/reconcile/retries.h"
#include "watch/reconcile/root_settings.h"
#include "watch/reconcile/round_progress.h"
#include "watch/reconcile/round_queue.h"
#include "watch/reconcile/rule_loader.h"
#include "watch/reconcile/step_budget.h"
#include "watch/sources/hint_source.h"

namespace lookout {

class Reconciler {
 public:
  Reconciler(Tree& tree, Visibility& visibility, HintSource& source, PathWatches& paths,
             RemoteMounts& mounts, ChangeSink& sink);

  // --- hints ---
  HintIntake& hints() { return hints_; }
  const HintIntake& hints() const { return hints_; }
  // The mount table has changed: drops all cached directories. A directory that was opened before
  // may be on a mount that is hidden now, or was hidden then. Even if the same directory is at its
  // path, other file systems are mounted in it.
  void mounts_changed() { disk_.directories.drop_all(); }
  // File systems were mounted or unmounted at `places`, paths without symbolic links: checks the
  // entries at which followed symbolic links lead there.
  void mounted_behind_links(const std::vector<std::string>& places);
  // Called by the poll timer and by a sync. Checks the polled directories, and retries the next
  // `failures` failed directories and `failures` failed names.
  void poll(std::size_t failures);
  // The retry timer, or a sync: checks what failed because of a transient error.
  void retry();
  // A mount has answered late: as retry(), and checks everything that failed.
  void answered();
  // A timer, or a sync: checks the files whose events wait for their writers (`await: :close`).
  void check_waiting_files();
  std::uint64_t waiting_files() const { return checks_.writers.waiting(); }

  // --- roots ---
  // Adds a root, which crawl() loads.
  NodeId add_root(const std::string& path, Identity identity, RootOptions options);
  // Takes over a root of a snapshot, with the entries that the tree has of it.
  void adopt_root(NodeId root, RootOptions options, bool was_recursive);
  // Replaces the rules of git's files above a root. Call it after all of the root has been
  // reported.
  void set_rules_above(NodeId root, const ScopePtr& above);
  // show_single() adds a file to a root that is limited to single files and reports it as created;
  // load_single() adds it without a report. hide_single() removes one, and the caller must then
  // give up its entry.
  void show_single(NodeId root, const std::string& name);
  void load_single(NodeId root, const std::string& name);
  void hide_single(NodeId root, const std::string& name) { visibility_.hide_single(root, name); }

  // Gives up a root, or the entry of a single file: nothing below it is checked any more, and
  // removal_step() deletes its entries.
  void remove_root(NodeId node, const Departures::Removal& removal);
  bool is_removing() const { return records_.departures.any_removals(); }
  bool removes_urgently() const { return records_.departures.any_urgent(); }
  // Whether removal_step() will report the next entry that it deletes.
  bool reports_removal() const { return records_.departures.reports_removal(); }
  // Deletes one of the entries that were given up.
  void removal_step();
  // Continues to load what exists below added roots, without a report. Returns false when
  // everything is loaded.
  bool crawl();
  // See AccessFailures::retry_below().
  void retry_below(NodeId directory) { failures_.retry_below(directory, agendas_.round); }
  // Reports that the file system at `path` does not answer; once, as long as that lasts.
  void report_unanswered(const std::string& path) { records_.notices.unanswered(path); }

  // --- snapshots ---
  // What a snapshot has beside the tree: the moments; the entries whose changes wait for their
  // writers; and the file system with a device number.
  const Moments& moments() const { return records_.moments; }
  std::unordered_set<NodeId> waiting_entries() const { return checks_.writers.nodes(); }
  const FileSystem* last_file_system(std::uint64_t device) const {
    return disk_.file_systems.last(device);
  }
  // Compares everything in the tree, which is that of a snapshot with this clean moment. `moments`
  // has the directories with a moment of their own. Call it after all roots are adopted.
  void compare_since(std::int64_t moment,
                     const std::vector<std::pair<NodeId, std::int64_t>>& moments);

  // --- work ---
  // Does a small piece of work, which may report changes. Returns false when the round is over.
  bool work();
  // A round may be long: each directory that it lists may lead to others. Then it takes in the
  // entries that are dirty by now before it lists the next ones. hold_listings() has it begin no
  // more listings, since the entries of an open one would be older than such a check. When the last
  // one has ended, may_continue() is true, and continue_round() must come next.
  bool is_long() const { return records_.progress.is_long(); }
  void hold_listings() { records_.progress.hold_listings(); }
  bool may_continue() const {
    return records_.progress.holds_listings() && round_.listings.empty() &&
           !agendas_.round.empty() && records_.queue.empty() &&
           !records_.departures.any_deletions() && records_.hard_links.waiting() == 0;
  }
  void continue_round();
  // Begins a round with the dirty entries. The caller has just read the kernel's queue, at
  // `drained` (inode_clock()).
  void begin_round(std::int64_t drained);
  // The caller has read the kernel's queue, starting at `drained`, and nothing is unsettled. An
  // inode born before that is not treated as new when it is met again.
  void confirm(std::int64_t drained) { records_.moments.confirm(drained); }
  // Whether no round was begun, and no root added or adopted, since confirm().
  bool is_confirmed() const { return records_.moments.is_confirmed(); }
  // Whether another round is needed.
  bool unsettled() const;
  bool must_retry() const { return records_.retries.any_later(); }
  std::uint64_t polled() const { return records_.retries.polled() + disk_.files.polled().size(); }
  // Whether anything waits for the poll timer: what is polled, and what failed.
  bool needs_poll() const { return records_.retries.needs_poll() || !disk_.files.polled().empty(); }
  std::uint64_t file_watches() const { return disk_.files.watches(); }
  std::uint64_t round() const { return records_.progress.round(); }
  std::uint64_t dirty() const;
  // How often one entry was compared with the disk.
  std::uint64_t checks() const { return checks_.check.count(); }
  StepBudget begin_step() const {
    return {visibility_, checks_.reader, disk_.directories, mounts_};
  }

  // Close cached descriptors. rest() closes all but those of directories that had events recently.
  // These are closed when they had no events for two periods, each of which ends with a call of
  // age().
  void age() { disk_.directories.age(); }
  void rest();
  bool keeps_directories() const { return !disk_.directories.empty(); }
  // Reads one more block of a listing into memory, so that no directory is kept open while the
  // round waits for credit. Returns false when there is no more to read.
  bool read_out() {
    round_.directories.put_back();
    return round_.listings.read_out();
  }
  // See HintSource::start().
  int start(Backend backend) { return source_.start(backend); }
  // Checks the entry `name` of an open directory. For a symbolic link that is followed the result
  // is the directory that it leads to; for an entry that is not visible it is ENOENT.
  std::variant<FileStatus, int> read_entry(NodeId directory, const DirectoryFd& fd,
                                           const std::string& name) {
    return checks_.reader.read(directory, fd, name);
  }
  std::variant<DirectoryFd, OpenFailure> open(NodeId directory) {
    return disk_.directories.open(directory);
  }

 private:
  // What rounds remember. Pure.
  struct Records {
    Records(Tree& tree, ChangeSink& sink);
    RootSettings roots;
    Moments moments;
    Retries retries;
    RoundProgress progress;
    RoundQueue queue;
    Notices notices;
    HardLinks hard_links;
    Departures departures;
  };
  // Open directories, and watches beside those of directories.
  struct Disk {
    Disk(Reconciler& owner, PathWatches& paths);
    ReadAhead read_ahead;
    DirectoryCache directories;
    FileSystems file_systems;
    FollowedLinks links;
    FileWatcher files;
  };
  struct Agendas {
    explicit Agendas(Tree& tree) : round(tree), crawl(tree) {}
    Agenda round;
    Agenda crawl;
  };
  // The classes that check one entry, each constructed from those above it.
  struct Checks {
    Checks(Reconciler& owner, PathWatches& paths);
    OpenWriters writers;
    DirectoryWatcher watcher;
    EntryReader reader;
    RenameFinder renames;
    NodeOwners owners;
    EntryComparison comparison;
    EntryChanges changes;
    BlockerReplacement blockers;
    EntryCheck check;
  };
  // The listings of the rounds, or of the crawl, which has a loader and no sink.
  struct Scan {
    Scan(Reconciler& owner, Agenda& agenda, ChangeSink* sink, EntryLoader* loader);
    Listings listings;
    RuleLoader rules;
    Reporter reporter;
    Pass pass;
    ListingStarter starter;
    DirectoryScan directories;
  };

  std::size_t listings_at_once() const;
  void take_dirty();
  bool settle();
  void erase(const Departures::Deletion& deletion);

  Tree& tree_;
  Visibility& visibility_;
  HintSource& source_;
  RemoteMounts& mounts_;
  ChangeSink& sink_;
  Records records_;
  Disk disk_;
  Agendas agendas_;
  HintIntake hints_;
  AccessFailures failures_;
  Checks checks_;
  EntryLoader loader_;
  Scan round_;
  Scan crawl_;
};

}  // namespace lookout
