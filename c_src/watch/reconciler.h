// The one mechanism: hints make entries dirty; looking at the disk and comparing with the tree
// turns them into changes. Every change told is a transition of the tree, so the changes can be
// replayed.
//
// Work goes in rounds. A round takes the names that were dirty when it began, and all that looking
// at them brings up; hints that come in meanwhile are for the next round, so that steady changes
// cannot keep a round from ending.
//
// Appearances settle at once. What no longer stands at its place is parked, since it may turn up
// elsewhere under its identity: a rename. What was parked in one round is let go at the end of the
// next, when every hint that was queued by then has been looked into. An appearance at a place
// that a parked entry still occupies in the tree is blocked until that one has moved or been let
// go.
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
#include "watch/content_rules.h"
#include "watch/directory_cache.h"
#include "watch/dirty_set.h"
#include "watch/disk.h"
#include "watch/entry.h"
#include "watch/file_system.h"
#include "watch/file_watches.h"
#include "watch/hint_source.h"
#include "watch/path_watches.h"
#include "watch/read_ahead.h"
#include "watch/remote_calls.h"
#include "watch/remote_mounts.h"
#include "watch/reported_once.h"
#include "watch/trail.h"
#include "watch/tree.h"
#include "watch/visibility.h"

namespace lookout {

// Where the reconciler's findings go.
class ChangeSink {
 public:
  virtual ~ChangeSink() = default;
  virtual void change(Event event) = 0;
  virtual void notice(Notice notice) = 0;
  // A root given up by uproot() has no node any more.
  virtual void uprooted(NodeId root) = 0;
  // Another directory, or none, may be at the path of a root by now.
  virtual void root_doubted(NodeId root) = 0;
  // Other entries than before are visible at and below a directory.
  virtual void visibility_changed(NodeId directory) = 0;
};

struct RootOptions {
  bool recursive = true;
  bool follow_symlinks = false;
  Backend backend = Backend::automatic;
  std::uint32_t await = 0;    // as in WatchOptions
  bool single_files = false;  // only those are watched that load_single() or show_single() names
  Filter filter;
  ScopePtr above;            // what git's files above the root say, with Filter::gitignore
  std::int64_t planted = 0;  // when it was; inode_clock()
};

class Reconciler {
 public:
  Reconciler(Tree& tree, Visibility& visibility, HintSource& source, PathWatches& paths,
             RemoteMounts& mounts, ChangeSink& sink);

  // --- hints ---
  void take(const Hint& hint);
  void touch(NodeId directory, std::string_view name, Hints hints);
  // The deepest entry that the tree has on a path below a directory.
  void touch_below(NodeId directory, std::string_view path);
  // Hints were lost: every directory is listed again and the times of its entries compared.
  void distrust_everything();
  // The table of mounts has changed. A directory that was opened before may be on a mount that is
  // hidden by now, or was hidden then, though the same directory is at its path: what is mounted
  // in it is not the same.
  void mounts_changed() { directories_.drop_all(); }
  // Where the tree has a mounted file system, none may be mounted any more.
  void doubt_mounts();
  // Something was mounted at this path, which has no symbolic links, or is mounted no more: checks
  // it below the symbolic links that are followed.
  void mounted_behind_links(const std::string& place);
  // Directories without a watch, and those that failed, are listed again.
  void poll();
  // What could not be looked at for a passing reason is tried again.
  void retry();
  // A mount has answered after all: what was to be looked at there is.
  void answered();
  // Files whose events wait for their writers are looked at again.
  void look_at_held();
  std::uint64_t held() const { return held_.size(); }

  // --- roots ---
  NodeId plant(const std::string& path, Identity identity, RootOptions options);
  // What git's files above a root say of it from now on; all of it has been reported.
  void set_rules_above(NodeId root, const ScopePtr& above);
  // Adds a file to a root that is limited to single ones: it is reported as created, or loaded
  // without a report. And takes one away, whose entry must be given up.
  void show_single(NodeId root, const std::string& name);
  void load_single(NodeId root, const std::string& name);
  void hide_single(NodeId root, const std::string& name) { visibility_.hide_single(root, name); }

  // Gives up a root, or the entry of a single file: nothing below it is checked any more, and its
  // entries are deleted by depart(), reported with `telling`. With `urgent` that must come before
  // any other report, since another root may report the same paths.
  struct Departure {
    bool telling = true;
    bool urgent = false;
    NodeId untold = kNoNode;  // nothing is reported of this entry and those after it, parents first
  };
  void uproot(NodeId node, const Departure& departure);
  bool departing() const { return !departing_.empty(); }
  bool departs_urgently() const { return urgent_departures_ > 0; }
  // Whether the next entry to be deleted is to be reported.
  bool departure_reports() const { return departing_.back().telling; }
  // Deletes one entry of what was given up.
  void depart();
  // Goes on learning what stands below planted roots, telling nothing. False when all is known.
  bool crawl();
  // Lists again what could not be read at or below a directory.
  void revive(NodeId directory);

  // --- work ---
  // Does a small piece of work that may tell changes; false when the round is over.
  bool work();
  // Begins a round with what is dirty. The kernel's queue is read just before, at `drained`
  // (inode_clock()).
  void begin_round(std::int64_t drained);
  // Nothing was unsettled when the kernel's queue had been read, which began at `drained`. What was
  // born before that is not taken for new when it is met again.
  void confirm(std::int64_t drained);
  // Whether nothing was met since confirm().
  bool is_confirmed() const { return confirmed_; }
  // Whether hints have come in since the round began.
  bool hinted() const { return !next_.empty() || !unnamed_.empty(); }
  // How often a visible entry has become dirty, for the first time or again.
  std::uint64_t dirtied() const { return next_.additions(); }
  // Whether another round is needed.
  bool unsettled() const;
  bool must_retry() const { return !later_names_.empty() || !later_directories_.empty(); }
  std::uint64_t polled() const { return polled_.size() + files_.polled().size(); }
  bool has_polled() const {
    return !polled_.empty() || !failed_.empty() || !failed_names_.empty() ||
           !files_.polled().empty();
  }
  std::uint64_t file_watches() const { return files_.watches(); }
  std::uint64_t round() const { return round_; }
  std::uint64_t dirty() const;
  std::uint64_t rescans() const { return rescans_; }
  // How often one entry was compared with the disk.
  std::uint64_t checks() const { return checks_; }

  // Closes what is open: at rest all but directories that had events lately, and these when they
  // had none for two periods, each of which ends with a call of age().
  void age() { directories_.age(); }
  void rest();
  bool keeps_directories() const { return !directories_.empty(); }
  // Takes a block more of a listing under way into memory, so that it does not keep its directory
  // open while it waits for credit. False when there is none.
  bool read_out();
  // Why a backend cannot be used, an errno; 0 where it can.
  int refusal(Backend backend) { return source_.refusal(backend); }
  // Says, once while that lasts, that what stands at a path does not answer.
  void say_unanswered(const std::string& path);
  // The entry `name` of a directory that is open: the directory that a followed symbolic link leads
  // to, and ENOENT for what is not visible.
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
    bool awaits;   // the writers of files
    bool trusted;  // what it tells without a look
    std::uint64_t device;
    bool ended = false;     // all has been read; then:
    int code = 0;           // an errno where it was cut short
    bool deep = false;      // the directories in it are to be listed, too
    NodeId next = kNoNode;  // the next entry of the tree to be checked for whether it was met
  };
  // The rule files of a directory, read at once and parsed slice by slice.
  struct RuleLoad {
    NodeId directory;
    RuleFiles files;
    std::vector<RuleFailure> failures;
  };
  // Directories to be listed, the last one first, and the listings that have begun, of which the
  // first is under way and the others are read ahead.
  struct Agenda {
    std::vector<NodeId> directories;
    std::deque<Listing> listings;
    bool begins = false;  // more listings, until there are as many as there are to be
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
  // A symbolic link that is followed where it leads to a directory.
  struct FollowedLink final : PathFollower {
    FollowedLink(Reconciler& owner, Place at) : reconciler(owner), place(std::move(at)) {}
    ~FollowedLink() override { reconciler.paths_.unfollow(*this); }
    FollowedLink(const FollowedLink&) = delete;
    FollowedLink& operator=(const FollowedLink&) = delete;
    void path_changed() override { reconciler.doubted_links_.insert(place); }

    Reconciler& reconciler;
    Place place;
    std::string real;                // where it led when it was last checked
    std::optional<Identity> target;  // the directory there, where another place reports that
  };
  // A check of all names of an inode: those at the positions from `left` on have been checked.
  struct NameCheck {
    std::size_t left;
    bool undecided = false;
  };
  // What was passed on in this round to all names of an inode but one.
  struct PassedOn {
    Hints hints;
    NodeId but;
  };
  struct PassingOn {
    Identity identity;
    Hints hints;
    NodeId but;
    std::size_t left;  // the names at the positions from there on have been marked
  };

  // Rounds without progress after which what was put off waits for the timer.
  static constexpr int kStuckRounds = 4;
  bool stuck() const { return stuck_ >= kStuckRounds; }

  // looks (reconciler.cpp)
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
  KnownFile known(NodeId node) const;
  std::int64_t crawled(NodeId node) const;
  void put_off(const DirtyName& dirty, const OpenFailure& failure);
  void doubt(NodeId node);
  void list_below(NodeId directory);
  bool awaits_listing(NodeId directory) const;
  std::optional<int> load_rules(NodeId directory, const DirectoryFd& fd);
  int read_rules(NodeId directory, const DirectoryFd& fd, RuleLoad& load);
  void set_rules(RuleLoad load);
  void tell(Change change, NodeId node, std::string from = {});
  bool is_opaque_in(NodeId directory) const;

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
  std::int64_t longest_hold(NodeId directory) const;

  // files whose events their directory does not report (reconciler_files.cpp)
  std::variant<Look, int> look_at_elsewhere(const Place& place, const DirectoryFd& fd,
                                            std::variant<Look, int> looked);
  void watch_file(const Place& place, const DirectoryFd& fd, const Look& seen);
  void unwatch_file(const Place& place);
  void take_of_file(const Place& place, const Hint& hint);
  void forget_files(NodeId directory);
  void touch_files(const std::vector<Place>& places, Hints hints);

  // symbolic links (reconciler_links.cpp)
  bool follows(NodeId directory) const;
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
  void compared(NodeId directory, std::int64_t started);
  void listing_failed(NodeId directory, int code);
  void vanished(NodeId directory, int code);
  void unreadable(NodeId directory, int code);
  void denied(NodeId directory, NodeId by, int code);
  void give_up(NodeId directory, int code);
  bool has_room(NodeId directory, std::string_view name, std::uint64_t device);
  void list_single(NodeId directory, const std::string& name, bool suspect);

  // what does not answer (reconciler_remote.cpp)
  void not_looked_at(const DirtyName& dirty, const DirectoryFd& fd, int code);
  void unreachable(const Place& place, int code);
  void rules_unanswered(const Place& place, const RemoteMount& mount);
  bool is_on_mount(const OpenDirectory& directory, const std::string& name) const;
  void look_again();
  NodeId top_of_mount(NodeId directory) const;

  // settling (reconciler_settle.cpp)
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
  ReadAhead read_ahead_;
  DirectoryCache directories_;
  FileSystems file_systems_;
  std::unordered_map<NodeId, RootOptions> roots_;
  bool telling_ = true;

  Trail trail_;
  DirtySet next_;                  // for the next round
  std::deque<DirtyName> current_;  // of this round
  Agenda agenda_;
  Agenda crawling_;
  Agenda* active_ = &agenda_;     // where new directories are queued
  std::vector<NodeId> deferred_;  // directories that wait for a look at an ancestor
  std::vector<DirtyName> later_names_;
  std::vector<NodeId> later_directories_;
  FileWatches files_;
  std::unordered_set<NodeId> polled_;
  std::unordered_set<NodeId> failed_;  // could not be looked into, and nothing will hint at it
  // Places on local file systems that lead to a mount which does not answer.
  std::set<Place> failed_names_;
  // Directories of which a listing said that they are gone, since when (monotonic).
  std::unordered_map<NodeId, std::int64_t> vanished_;
  // Directories whose changes may not have been hinted: when they were last known.
  std::unordered_map<NodeId, std::int64_t> blind_;
  std::unordered_set<NodeId> denied_;  // may not be, until the mode of it or of one above changes
  // Places whose files have writers that are waited for, and since when the one that is looked at
  // now has been among them.
  std::map<Place, Held> held_;
  std::optional<std::int64_t> held_since_;
  // Symbolic links where they are followed, and those that are to be learnt at the end of a crawl:
  // whether one stands for a directory depends on what else is known.
  std::map<Place, std::unique_ptr<FollowedLink>> links_;
  std::set<Place> doubted_links_;  // may lead elsewhere: to be checked in the next round
  // Links that stay links since the directory that they lead to is reported at another place.
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::set<Place>> links_by_target_;
  std::vector<Place> crawled_links_;
  bool following_ = false;  // a root was planted that follows links
  bool awaiting_ = false;   // a root was planted that has to wait for writers
  std::vector<Parked> parked_;
  Blockade blockade_;
  std::vector<NodeId> blockers_;   // to be let go in this round, the last one first
  std::uint64_t blockers_of_ = 0;  // the round for which they were collected
  std::vector<Doomed> doomed_;     // in this round
  std::vector<Doomed> departing_;  // of roots that were given up, and single files
  std::size_t urgent_departures_ = 0;
  // Files with several links of which something was told this round: whether of their content.
  std::unordered_map<NodeId, bool> content_told_;
  // Parked entries that share their inode with others: by device and inode number.
  std::set<std::tuple<std::uint64_t, std::uint64_t, NodeId>> parked_names_;
  std::unordered_map<Identity, NameCheck, HashIdentity> name_checks_;  // of this round
  std::unordered_map<Identity, PassedOn, HashIdentity> passed_on_;     // in this round
  std::deque<PassingOn> passing_on_;
  // Inodes with many names: the signature with which all names that were known then were compared.
  // No name has been seen with another one since.
  std::unordered_map<Identity, std::uint32_t, HashIdentity> compared_;
  // Events since the round began of inodes under no name.
  std::unordered_map<Identity, Hints, HashIdentity> unnamed_;
  ReportedOnce reported_;

  std::uint64_t round_ = 0;
  std::uint64_t rescans_ = 0;
  std::uint64_t checks_ = 0;
  bool hints_lost_ = false;  // and not all directories have been listed since
  bool undecided_ = false;   // find_source() could not look at one for a passing reason
  bool unfinished_ = false;  // find_source() is to be called again
  bool put_off_ = false;     // this round left something for a later one
  bool progressed_ = false;  // this round changed something
  int stuck_ = 0;            // rounds in a row that put off and changed nothing
  std::int64_t drained_;     // when the kernel's queue was read for this round
  bool confirmed_ = true;
  std::int64_t clean_;         // every hint queued before this moment has been looked into
  std::int64_t clock_offset_;  // of the inode clock to the monotonic one, to notice its steps
};

}  // namespace lookout
