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

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "watch/blockade.h"
#include "watch/directory_cache.h"
#include "watch/dirty_set.h"
#include "watch/disk.h"
#include "watch/entry.h"
#include "watch/file_system.h"
#include "watch/hint_source.h"
#include "watch/place_watches.h"
#include "watch/read_ahead.h"
#include "watch/remote_calls.h"
#include "watch/remote_mounts.h"
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
};

struct RootOptions {
  bool recursive = true;
  bool follow_symlinks = false;
  Backend backend = Backend::automatic;
  std::uint32_t await = 0;  // as in WatchOptions
  std::string only;         // when not empty, the one name that is watched: a single file
  Filter filter;
  ScopePtr above;            // what git's files above the root say, with Filter::gitignore
  std::int64_t planted = 0;  // when it was; inode_clock()
};

class Reconciler {
 public:
  Reconciler(Tree& tree, Visibility& visibility, HintSource& source, PlaceWatches& places,
             RemoteMounts& mounts, ChangeSink& sink);

  // --- hints ---
  void take(const Hint& hint);
  void touch(NodeId directory, std::string_view name, Hints hints);
  // Hints were lost: every directory is listed again and the times of its entries compared.
  void distrust_everything();
  // Where the tree has a mounted file system, none may stand any more; links may lead elsewhere.
  void doubt_mounts();
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
  // Gives up a root: its entries are told as deleted, with `telling`, before anything else is
  // looked at.
  void uproot(NodeId root, bool telling);
  // As uproot(root, true), but telling nothing of `untold` and what follows it, parents first.
  void uproot_told(NodeId root, NodeId untold);
  // Goes on learning what stands below planted roots, telling nothing. False when all is known.
  bool crawl();
  // Whether a root may no longer stand at its path, or may stand there again.
  bool roots_in_doubt() const { return roots_in_doubt_; }
  void set_roots_in_doubt(bool doubt) { roots_in_doubt_ = doubt; }
  // Watches the ways that followed symbolic links lead, after PlaceWatches::clear().
  void watch_links();
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
  bool uprooting() const { return !doomed_.empty(); }
  // Whether hints have come in since the round began.
  bool hinted() const { return !next_.empty(); }
  // Whether another round is needed.
  bool unsettled() const;
  bool must_retry() const { return !later_names_.empty() || !later_directories_.empty(); }
  std::uint64_t polled() const { return polled_.size(); }
  bool has_polled() const { return !polled_.empty() || !failed_.empty() || !failed_names_.empty(); }
  std::uint64_t round() const { return round_; }
  std::uint64_t dirty() const;
  std::uint64_t rescans() const { return rescans_; }

  // Closes descriptors that are kept for speed: those not used since the last call, and at rest
  // those of the roots.
  void age() { directories_.age(); }
  void rest() {
    directories_.drop_tops();
    read_ahead_.rest();
    source_.leave();
  }
  bool keeps_directories() const { return !directories_.empty(); }
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
  };
  // Directories to be listed, the last one first, and the listings that have begun, of which the
  // first is under way and the others are read ahead.
  struct Agenda {
    std::vector<NodeId> directories;
    std::deque<Listing> listings;
    bool begins = false;  // more listings, until there are as many as there are to be
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
  void mark_unnamed(NodeId directory, std::string_view name, Hints hints);
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
  void pass_on(NodeId node, Hints hints);
  NodeId find_source(const DirtyName& place, const Look& seen);
  bool stands(NodeId node, Hints hints);
  bool is_old(NodeId node, const Look& seen) const;
  bool is_surely(NodeId node, const Look& seen) const;
  bool was_written(NodeId node, const Look& seen, Hints hints) const;
  bool is_suspect(NodeId node, const Look& seen) const;
  std::int64_t planted(NodeId node) const;
  void put_off(const DirtyName& dirty, const OpenFailure& failure);
  void doubt(NodeId node);
  void list_below(NodeId directory);
  int learn_rules(NodeId directory, const DirectoryFd& fd);
  void tell(Change change, NodeId node, std::string from = {});
  bool is_opaque_in(NodeId directory) const;

  // files that wait for their writers (reconciler_hold.cpp)
  bool hold(const DirtyName& place, const Look& seen);
  void no_longer_held(DirtyName& dirty);
  std::int64_t longest_hold(NodeId directory) const;

  // symbolic links (reconciler_links.cpp)
  bool follows(NodeId directory) const;
  std::variant<Look, int> follow(const Place& place, const DirectoryFd& fd, const Look& link);
  bool is_told_elsewhere(NodeId known, Identity target, bool stays);
  void unfollow(NodeId directory);
  void watch_opaque(NodeId directory);
  void doubt_links();
  bool learn_link();

  // listings (reconciler_listing.cpp)
  void queue_listing(NodeId directory, bool suspect);
  bool list_step(Agenda& agenda, std::size_t depth);
  void start_listing(Agenda& agenda, NodeId directory);
  bool watch_directory(NodeId directory, const DirectoryFd& fd);
  bool is_to_be_polled(NodeId directory, const DirectoryFd& fd);
  void start_polling(NodeId directory);
  void list_item(const Listing& listing, const DirectoryReader::Item& item);
  bool needs_listing(NodeId node) const;
  bool is_to_be_compared(NodeId node) const;
  void compare_mode(NodeId directory, std::uint16_t mode);
  void learn(NodeId directory, const std::string& name);
  void finish_listing(const Listing& listing, int code);
  void compared(NodeId directory, std::int64_t started);
  void listing_failed(NodeId directory, int code);
  void unreadable(NodeId directory, int code);
  void denied(NodeId directory, NodeId by, int code);
  void give_up(NodeId directory, int code);
  void list_single(NodeId directory, const std::string& name, bool suspect);

  // what does not answer (reconciler_remote.cpp)
  void not_looked_at(const DirtyName& dirty, const DirectoryFd& fd, int code);
  bool is_on_mount(const OpenDirectory& directory, const std::string& name) const;
  void look_again();
  NodeId top_of_mount(NodeId directory) const;

  // settling (reconciler_settle.cpp)
  void park(NodeId node);
  void unpark(NodeId node);
  bool settle();
  void release(NodeId blocker);
  bool let_blocker_go();
  void make_way(NodeId old, const Blocked& blocked);
  bool let_parked_go();
  void replace(const DirtyName& place, NodeId old, const Look& seen);
  void doom(NodeId node, bool telling);
  void doom_step();
  void erase(NodeId node);

  Tree& tree_;
  Visibility& visibility_;
  HintSource& source_;
  PlaceWatches& places_;
  RemoteMounts& mounts_;
  ChangeSink& sink_;
  ReadAhead read_ahead_;
  DirectoryCache directories_;
  FileSystems file_systems_;
  std::unordered_map<NodeId, RootOptions> roots_;
  bool telling_ = true;
  bool roots_in_doubt_ = false;

  Trail trail_;
  DirtySet next_;                  // for the next round
  std::deque<DirtyName> current_;  // of this round
  Agenda agenda_;
  Agenda crawling_;
  Agenda* active_ = &agenda_;     // where new directories are queued
  std::vector<NodeId> deferred_;  // directories that wait for a look at an ancestor
  std::vector<DirtyName> later_names_;
  std::vector<NodeId> later_directories_;
  std::unordered_set<NodeId> polled_;
  std::unordered_set<NodeId> failed_;  // could not be looked into, and nothing will hint at it
  // Places on local file systems that lead to a mount which does not answer.
  std::set<Place> failed_names_;
  std::set<std::string> said_unanswered_;
  // Directories whose changes may not have been hinted: when they were last known.
  std::unordered_map<NodeId, std::int64_t> blind_;
  std::unordered_set<NodeId> denied_;  // may not be, until the mode of it or of one above changes
  // Places whose files have writers that are waited for, and since when the one that is looked at
  // now has been among them.
  std::map<Place, Held> held_;
  std::optional<std::int64_t> held_since_;
  // Symbolic links where they are followed, and those that are to be learnt at the end of a crawl:
  // whether one stands for a directory depends on what else is known.
  std::set<Place> links_;
  std::vector<Place> crawled_links_;
  bool following_ = false;  // a root was planted that follows links
  bool links_doubted_ = false;
  bool awaiting_ = false;  // a root was planted that has to wait for writers
  std::vector<Parked> parked_;
  Blockade blockade_;
  std::vector<NodeId> blockers_;   // to be let go in this round, the last one first
  std::uint64_t blockers_of_ = 0;  // the round for which they were collected
  std::vector<Doomed> doomed_;
  // Files with several links of which something was told this round: whether of their content.
  std::unordered_map<NodeId, bool> content_told_;
  // Inodes whose links were compared this round because another link of them was met.
  std::unordered_set<std::uint64_t> links_compared_;
  // Directories with a file of rules of which it was said that it cannot be read.
  std::unordered_set<NodeId> rules_unreadable_;
  // Roots of which it was said that the watches do not suffice.
  std::unordered_set<NodeId> roots_limited_;
  // Roots and devices below them of which it was said that they are polled.
  std::set<std::pair<NodeId, std::uint64_t>> roots_polled_;

  std::uint64_t round_ = 0;
  std::uint64_t rescans_ = 0;
  bool undecided_ = false;   // find_source() could not look at one for a passing reason
  bool put_off_ = false;     // this round left something for a later one
  bool progressed_ = false;  // this round changed something
  int stuck_ = 0;            // rounds in a row that put off and changed nothing
  std::int64_t drained_;     // when the kernel's queue was read for this round
  bool confirmed_ = true;
  std::int64_t clean_;         // every hint queued before this moment has been looked into
  std::int64_t clock_offset_;  // of the inode clock to the monotonic one, to notice its steps
};

}  // namespace lookout
