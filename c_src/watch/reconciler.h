// The reconciler turns hints into changes. A hint marks an entry as dirty; the reconciler checks
// dirty entries on disk, compares them with the tree and reports the differences. It applies every
// reported change to the tree, so that the changes can be replayed.
//
// Work proceeds in rounds. A round checks the names that were dirty when it began, and everything
// that these checks bring up. Hints that arrive meanwhile belong to the next round, so steady
// changes cannot keep a round from ending.
//
// A new entry is reported at once. An entry that is no longer at its place is parked, since its
// inode may turn up elsewhere: that is a rename. Entries parked in one round are deleted at the end
// of the next, when every hint that was queued before that round has been processed. A new entry at
// a place that a parked entry still occupies in the tree is blocked until the parked entry has been
// renamed or deleted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "watch/blockade.h"
#include "watch/change_sink.h"
#include "watch/content_rules.h"
#include "watch/directory_cache.h"
#include "watch/dirty_set.h"
#include "watch/disk.h"
#include "watch/entry.h"
#include "watch/file_system.h"
#include "watch/file_watches.h"
#include "watch/hint_source.h"
#include "watch/moments.h"
#include "watch/path_watches.h"
#include "watch/read_ahead.h"
#include "watch/remote_calls.h"
#include "watch/remote_mounts.h"
#include "watch/reported_once.h"
#include "watch/retries.h"
#include "watch/root_settings.h"
#include "watch/round_progress.h"
#include "watch/round_queue.h"
#include "watch/trail.h"
#include "watch/tree.h"
#include "watch/visibility.h"

namespace lookout {

class Reconciler {
 public:
  Reconciler(Tree& tree, Visibility& visibility, HintSource& source, PathWatches& paths,
             RemoteMounts& mounts, ChangeSink& sink);

  // --- hints ---
  void take(const Hint& hint);
  void touch(NodeId directory, std::string_view name, Hints hints);
  // Marks the deepest entry that the tree has on a path below a directory as dirty.
  void touch_below(NodeId directory, std::string_view path);
  // Hints were lost: lists every directory again and compares the times of its entries.
  void distrust_everything();
  // The mount table has changed: drops all cached directories. A directory that was opened before
  // may be on a mount that is hidden now, or was hidden then. Even if the same directory is at its
  // path, other file systems are mounted in it.
  void mounts_changed() { directories_.drop_all(); }
  // Checks all mount points in the tree: their file systems may have been unmounted.
  void doubt_mounts();
  // A file system was mounted or unmounted at `place`, a path without symbolic links: checks that
  // place below the followed symbolic links.
  void mounted_behind_links(const std::string& place);
  // Lists again the directories without a watch and those that failed.
  void poll();
  // Tries again what could not be checked because of a transient error.
  void retry();
  // A mount has answered late: checks again what waited for it.
  void answered();
  // Checks again the files whose events wait for their writers.
  void look_at_held();
  std::uint64_t held() const { return held_.size(); }

  // --- roots ---
  NodeId add_root(const std::string& path, Identity identity, RootOptions options);
  // Takes over a root of a snapshot, with the entries that the tree has of it.
  void adopt(NodeId root, RootOptions options, bool was_recursive);
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
  // depart() deletes its entries. With `telling` the deletions are reported. With `urgent` they
  // must come before any other report, since another root may report the same paths.
  struct Departure {
    bool telling = true;
    bool urgent = false;
    // The first entry, parents first, that was not reported; its deletion and those of the entries
    // after it are not reported either.
    NodeId untold = kNoNode;
  };
  void remove_root(NodeId node, const Departure& departure);
  bool departing() const { return !departing_.empty(); }
  bool departs_urgently() const { return urgent_departures_ > 0; }
  // Whether depart() will report the next entry that it deletes.
  bool departure_reports() const { return departing_.back().telling; }
  // Deletes one of the entries that were given up.
  void depart();
  // Continues to load what exists below added roots, without a report. Returns false when
  // everything is loaded.
  bool crawl();
  // Lists again what could not be read at or below a directory.
  void revive(NodeId directory);

  // --- snapshots ---
  // What a snapshot has beside the tree: the clean moment; that of a directory in which events do
  // not show all changes; the entries whose changes wait for their writers; and the file system
  // with a device number.
  const Moments& moments() const { return moments_; }
  std::unordered_set<NodeId> held_entries() const;
  const FileSystem* last_file_system(std::uint64_t device) const {
    return file_systems_.last(device);
  }
  // Compares everything in the tree, which is that of a snapshot with this clean moment. `moments`
  // has the directories with a moment of their own. Call it after all roots are adopted.
  void compare_since(std::int64_t moment,
                     const std::vector<std::pair<NodeId, std::int64_t>>& moments);
  // Gives an entry with Mark::adopts the identity of what is at its place. Returns false for any
  // other entry.
  bool adopt_identity(NodeId node, EntryType type, Identity identity);

  // --- work ---
  // Does a small piece of work, which may report changes. Returns false when the round is over.
  bool work();
  // Begins a round with the dirty entries. The caller has just read the kernel's queue, at
  // `drained` (inode_clock()).
  void begin_round(std::int64_t drained);
  // The caller has read the kernel's queue, starting at `drained`, and nothing is unsettled. An
  // inode born before that is not treated as new when it is met again.
  void confirm(std::int64_t drained) { moments_.confirm(drained); }
  // Whether neither a round was begun nor a root added since confirm().
  bool is_confirmed() const { return moments_.is_confirmed(); }
  // Whether hints have arrived since the round began.
  bool hinted() const { return !next_.empty() || !unnamed_.empty(); }
  // How often a visible entry was marked as dirty, including entries that were dirty already.
  std::uint64_t dirtied() const { return next_.additions(); }
  // Whether another round is needed.
  bool unsettled() const;
  bool must_retry() const { return retries_.any_later(); }
  std::uint64_t polled() const { return retries_.polled() + files_.polled().size(); }
  bool has_polled() const { return retries_.needs_poll() || !files_.polled().empty(); }
  std::uint64_t file_watches() const { return files_.watches(); }
  std::uint64_t round() const { return round_; }
  std::uint64_t dirty() const;
  std::uint64_t rescans() const { return rescans_; }
  // How often one entry was compared with the disk.
  std::uint64_t checks() const { return checks_; }

  // Close cached descriptors. rest() closes all but those of directories that had events recently.
  // These are closed when they had no events for two periods, each of which ends with a call of
  // age().
  void age() { directories_.age(); }
  void rest();
  bool keeps_directories() const { return !directories_.empty(); }
  // Reads one more block of a listing into memory, so that the listing does not keep its directory
  // open while it waits for credit. Returns false when no listing has more to read.
  bool read_out();
  // Why a backend cannot be used, as an errno; 0 if it can be used.
  int refusal(Backend backend) { return source_.refusal(backend); }
  // Reports that the file system at `path` does not answer; once, as long as that lasts.
  void say_unanswered(const std::string& path);
  // Checks the entry `name` of an open directory. For a symbolic link that is followed the result
  // is the directory that it leads to; for an entry that is not visible it is ENOENT.
  std::variant<Look, int> look_in(NodeId directory, const DirectoryFd& fd, const std::string& name);
  std::variant<DirectoryFd, OpenFailure> open(NodeId directory) {
    return directories_.open(directory);
  }

 private:
  struct Listing {
    NodeId directory;
    PendingListing entries;
    std::int64_t started;  // inode_clock()
    bool suspect;
    bool awaits;   // new files are checked for writers
    bool trusted;  // its types and inode numbers need no stat
    std::uint64_t device;
    bool ended = false;     // the whole directory was read; the members below are valid then
    int code = 0;           // the errno if it was cut short
    bool deep = false;      // its subdirectories must be listed, too
    NodeId next = kNoNode;  // the next child in the tree to test for Mark::seen
  };
  // The rule files of a directory: read at once, parsed slice by slice.
  struct RuleLoad {
    NodeId directory;
    RuleFiles files;
    std::vector<RuleFailure> failures;
  };
  // The directories to be listed, the last one first, and the started listings: the first one is in
  // progress, the others are read ahead.
  struct Agenda {
    std::vector<NodeId> directories;
    std::deque<Listing> listings;
    bool begins = false;  // start listings until there are as many as `depth` in list_step()
    std::optional<RuleLoad> loading;
    bool empty() const { return directories.empty() && listings.empty(); }
  };
  struct Parked {
    NodeId node;
    std::uint64_t round;
  };
  struct Held {
    Hints hints;
    std::int64_t since;  // monotonic, nanoseconds
  };
  struct Doomed {
    NodeId node;
    bool telling;
    bool urgent = false;
  };
  // A symbolic link that is followed if it leads to a directory.
  struct FollowedLink final : PathFollower {
    FollowedLink(Reconciler& owner, Place at) : reconciler(owner), place(std::move(at)) {}
    ~FollowedLink() override { reconciler.paths_.unfollow(*this); }
    FollowedLink(const FollowedLink&) = delete;
    FollowedLink& operator=(const FollowedLink&) = delete;
    void path_changed() override { reconciler.doubted_links_.insert(place); }

    Reconciler& reconciler;
    Place place;
    std::string real;  // the path that it led to at the last check
    // The directory it leads to, if that is reported at another place.
    std::optional<Identity> target;
  };
  // A check of all names of an inode: the names at the positions from `left` on have been checked.
  struct NameCheck {
    std::size_t left;
    bool undecided = false;
  };
  // The hints that this round has passed on to all names of an inode except `but`.
  struct PassedOn {
    Hints hints;
    NodeId but;
  };
  struct PassingOn {
    Identity identity;
    Hints hints;
    NodeId but;
    std::size_t left;  // the names at the positions from here on have been marked
  };

  // checks of single entries (reconciler.cpp)
  void retry_names();
  void take_at(NodeId node, const Hint& hint);
  void bound_trail();
  Hints follow_move(const Hint& hint, NodeId directory);
  void mark_content(NodeId directory, std::string_view name, Hints hints);
  void mark(NodeId node, Hints hints);
  void stray(const DirtyName& dirty);
  void look(DirtyName dirty);
  void left_place(NodeId node, Hints hints);
  void unchanged(NodeId node, const Look& seen, Hints hints);
  void unchanged_directory(NodeId node, const Look& seen, Hints hints);
  void appeared(const DirtyName& place, const Look& seen);
  void rename(NodeId source, const DirtyName& place, const Look& seen);
  NodeId create(NodeId directory, std::string_view name, EntryType type, Identity identity);
  void settle_new(NodeId node, const Look& seen, Hints hints);
  bool stands(NodeId node, Hints hints);
  void put_off(const DirtyName& dirty, const OpenFailure& failure);
  void list_below(NodeId directory);
  bool awaits_listing(NodeId directory) const;
  std::optional<int> load_rules(NodeId directory, const DirectoryFd& fd);
  int read_rules(NodeId directory, const DirectoryFd& fd, RuleLoad& load);
  void set_rules(RuleLoad load);
  void tell(Change change, NodeId node, std::string from = {});

  // names of one inode (reconciler_names.cpp)
  NodeId find_source(const DirtyName& place, const Look& seen);
  bool may_be_source(NodeId node, const DirtyName& place, const Look& seen) const;
  bool on_two_mounts(NodeId from, NodeId to);
  NodeId mount_point_above(NodeId directory) const;
  NodeId find_among_many(const DirtyName& place, const Look& seen);
  void wait_for_names(DirtyName place);
  bool are_compared(const Look& seen);
  void set_signature(NodeId node, const Look& seen);
  void forget_compared(Identity identity);
  void pass_on(NodeId node, Hints hints);
  void pass_on_to(NodeId node, Hints hints);
  bool pass_on_step();
  void mark_unnamed(Identity identity, Hints hints);
  void pass_on_unnamed();

  // files that wait for their writers (reconciler_hold.cpp)
  bool hold(const DirtyName& place, const Look& seen);
  void no_longer_held(DirtyName& dirty);

  // files whose events their directory does not report (reconciler_files.cpp)
  std::variant<Look, int> look_at_elsewhere(const Place& place, const DirectoryFd& fd,
                                            std::variant<Look, int> looked);
  void watch_file(const Place& place, const DirectoryFd& fd, const Look& seen);
  void unwatch_file(const Place& place);
  void take_of_file(const Place& place, const Hint& hint);
  void forget_files(NodeId directory);
  void touch_files(const std::vector<Place>& places, Hints hints);

  // symbolic links (reconciler_links.cpp)
  std::variant<Look, int> follow(const Place& place, const DirectoryFd& fd, const Look& link);
  bool is_told_elsewhere(NodeId known, Identity target, bool stays);
  void unfollow(NodeId directory);
  void watch_opaque(NodeId directory);
  void report_elsewhere(FollowedLink& link, std::optional<Identity> target);
  void doubt_links_to(Identity directory);
  void take_doubted_links();
  void unfollow_link(const Place& place);
  bool learn_link();

  // listings (reconciler_listing.cpp)
  void queue_listing(NodeId directory, bool suspect);
  bool list_step(Agenda& agenda, std::size_t depth);
  void start_listing(Agenda& agenda, NodeId directory);
  bool watch_directory(NodeId directory, const DirectoryFd& fd);
  bool is_to_be_polled(NodeId directory, const DirectoryFd& fd);
  const FileSystem& file_system(NodeId directory, const DirectoryFd& fd);
  bool leave_out(NodeId directory, std::string_view file_system);
  void start_polling(NodeId directory);
  void list_item(const Listing& listing, const DirectoryReader::Item& item);
  bool needs_listing(NodeId node) const;
  bool is_to_be_compared(NodeId node) const;
  void compare_mode(NodeId directory, std::uint16_t mode);
  void learn(NodeId directory, const std::string& name);
  void end_listing(Listing& listing, int code);
  bool sweep_step(Listing& listing);
  void finish_listing(const Listing& listing);
  void pass_in_sweeps(NodeId node);
  void listing_failed(NodeId directory, int code);
  void vanished(NodeId directory, int code);
  void unreadable(NodeId directory, int code);
  void denied(NodeId directory, NodeId by, int code);
  void give_up(NodeId directory, int code);
  bool has_room(NodeId directory, std::string_view name, std::uint64_t device);
  void list_single(NodeId directory, const std::string& name, bool suspect);

  // file systems that do not answer (reconciler_remote.cpp)
  void not_looked_at(const DirtyName& dirty, const DirectoryFd& fd, int code);
  void unreachable(const Place& place, int code);
  void rules_unanswered(const Place& place, const RemoteMount& mount);
  bool is_on_mount(const OpenDirectory& directory, const std::string& name) const;
  void look_again();
  NodeId top_of_mount(NodeId directory) const;

  // parked entries and deletions (reconciler_settle.cpp)
  void park(NodeId node);
  void unpark(NodeId node);
  void forget_parked(NodeId node);
  std::vector<NodeId> parked_with(Identity identity) const;
  static DirtyName waited(DirtyName place);
  bool settle();
  void release(NodeId blocker);
  bool let_blocker_go();
  void make_way(NodeId old, const Blocked& blocked);
  bool let_parked_go();
  void replace(const DirtyName& place, NodeId old, const Look& seen, NodeId source);
  void doom(NodeId node, bool telling);
  void delete_from(std::vector<Doomed>& doomed);
  bool is_departing(NodeId directory) const;
  void erase(NodeId node);

  Tree& tree_;
  Visibility& visibility_;
  HintSource& source_;
  PathWatches& paths_;
  RemoteMounts& mounts_;
  ChangeSink& sink_;
  RootSettings roots_;
  Moments moments_;
  Retries retries_;
  RoundProgress progress_;
  RoundQueue round_queue_;
  ReadAhead read_ahead_;
  DirectoryCache directories_;
  FileSystems file_systems_;
  bool telling_ = true;

  Trail trail_;
  DirtySet next_;  // for the next round
  Agenda agenda_;
  Agenda crawling_;
  Agenda* active_ = &agenda_;  // the agenda that new directories are added to
  FileWatches files_;
  // The files that wait for their writers. held_since_ is the time since when the file that is
  // being checked has been one of them.
  std::map<Place, Held> held_;
  std::optional<std::int64_t> held_since_;
  // The followed symbolic links. The crawl loads crawled_links_ at its end, since whether a link is
  // reported as a directory depends on what else is in the tree.
  std::map<Place, std::unique_ptr<FollowedLink>> links_;
  std::set<Place> doubted_links_;  // may lead elsewhere: to be checked in the next round
  // Links that are reported as links, since the directory that they lead to is reported at another
  // place. The keys are device and inode number of that directory.
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::set<Place>> links_by_target_;
  std::vector<Place> crawled_links_;
  std::vector<Parked> parked_;
  Blockade blockade_;
  std::vector<NodeId> blockers_;   // to be deleted in this round, the last one first
  std::uint64_t blockers_of_ = 0;  // the round for which blockers_ was collected
  std::vector<Doomed> doomed_;     // queued for deletion in this round
  // Queued for deletion: roots that were given up, and single files.
  std::vector<Doomed> departing_;
  std::size_t urgent_departures_ = 0;
  // Files with several links that were reported in this round: whether as a change of content.
  std::unordered_map<NodeId, bool> content_told_;
  // Parked entries whose inode has other names, by device and inode number.
  std::set<std::tuple<std::uint64_t, std::uint64_t, NodeId>> parked_names_;
  std::unordered_map<Identity, NameCheck, HashIdentity> name_checks_;  // of this round
  std::unordered_map<Identity, PassedOn, HashIdentity> passed_on_;     // in this round
  std::deque<PassingOn> passing_on_;
  // Inodes with many names: the signature with which all names known at that time were compared. No
  // name has been seen with another signature since.
  std::unordered_map<Identity, std::uint32_t, HashIdentity> compared_;
  // Events since the round began that name an inode instead of an entry (O_TMPFILE).
  std::unordered_map<Identity, Hints, HashIdentity> unnamed_;
  ReportedOnce reported_;

  std::uint64_t round_ = 0;
  std::uint64_t rescans_ = 0;
  std::uint64_t checks_ = 0;
  // find_source() could not check a candidate because of a transient error.
  bool undecided_ = false;
  bool unfinished_ = false;  // find_source() must be called again
};

}  // namespace lookout
