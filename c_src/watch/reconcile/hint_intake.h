// Takes hints and marks the entries that they concern as dirty, for the next round. Makes no system
// call. Reconciler owns it.
//
// The engine passes each event of the kernel to take(). Checks and scans add what the next round
// must check. They also pass hints about content on along recorded renames: see trail.h.
// The number of dirty names is bounded. Beyond that, their directories are listed instead.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "watch/disk/directory_cache.h"
#include "watch/disk/file_system.h"
#include "watch/disk/remote_mounts.h"
#include "watch/model/dirty_set.h"
#include "watch/model/hint.h"
#include "watch/model/trail.h"
#include "watch/model/tree.h"
#include "watch/model/visibility.h"
#include "watch/reconcile/agenda.h"
#include "watch/reconcile/change_sink.h"
#include "watch/reconcile/file_watcher.h"
#include "watch/reconcile/moments.h"

namespace lookout {

class HintIntake {
 public:
  HintIntake(Tree& tree, Visibility& visibility, RemoteMounts& mounts, DirectoryCache& directories,
             FileSystems& file_systems, FileWatcher& files, Moments& moments, Agenda& agenda,
             ChangeSink& sink)
      : tree_(tree),
        visibility_(visibility),
        mounts_(mounts),
        directories_(directories),
        file_systems_(file_systems),
        files_(files),
        moments_(moments),
        agenda_(agenda),
        sink_(sink) {}
  HintIntake(const HintIntake&) = delete;
  HintIntake& operator=(const HintIntake&) = delete;

  // --- hints ---
  void take(const Hint& hint);
  // Marks an entry as dirty if it may be visible, if its name is that of a file with rules, or if
  // the tree has it.
  void touch(NodeId directory, std::string_view name, Hints hints);
  // Marks the deepest entry that the tree has on a path below a directory as dirty.
  void touch_below(NodeId directory, std::string_view path);
  // Hints were lost: lists every directory again and compares the times of its entries.
  void rescan_all();
  // Checks all mount points in the tree: their file systems may have been unmounted.
  void recheck_mount_points();

  // --- the next round ---
  // Marks an entry as dirty, visible or not.
  void add(NodeId directory, std::string_view name, Hints hints) {
    next_.add(directory, name, hints);
  }
  // The entry that the tree has is checked in the next round.
  void add(NodeId node) { next_.add(tree_.parent(node), tree_.name(node), 0); }
  // Whether hints have arrived since the round began.
  bool any() const { return !next_.empty() || !unnamed_.empty(); }
  std::size_t size() const { return next_.size() + unnamed_.size(); }
  // How often a visible entry was marked as dirty, including entries that were dirty already.
  std::uint64_t additions() const { return next_.additions(); }
  std::uint64_t rescans() const { return rescans_; }

  // A round begins: it checks these names, and the names of these inodes.
  void begin_round(std::uint64_t round);
  // Adds the names that are dirty now to the running round.
  void continue_round();
  std::vector<DirtyName> take_names() { return next_.take(); }
  std::unordered_map<Identity, Hints, HashIdentity> take_unnamed() {
    return std::exchange(unnamed_, {});
  }

  // --- moves ---
  // The hints about the content of `dirty` may belong to a file that has been moved since: passes
  // them on along the trail.
  void pass_along_trail(const DirtyName& dirty);
  // A check has found the entry of `from` at `to`. Returns whether the trail knew that already.
  bool record_move(const DirEntry& from, const DirEntry& to, Hints hints);

 private:
  void take_at(NodeId node, const Hint& hint);
  void bound_trail();
  Hints follow_move(const Hint& hint, NodeId directory);
  void mark_content_at(NodeId directory, std::string_view name, Hints hints);
  void mark_unnamed(Identity identity, Hints hints);

  Tree& tree_;
  Visibility& visibility_;
  RemoteMounts& mounts_;
  DirectoryCache& directories_;
  FileSystems& file_systems_;
  FileWatcher& files_;
  Moments& moments_;
  Agenda& agenda_;
  ChangeSink& sink_;
  Trail trail_;
  DirtySet next_;
  // Events since the round began that name an inode instead of an entry (O_TMPFILE).
  std::unordered_map<Identity, Hints, HashIdentity> unnamed_;
  std::uint64_t round_ = 0;
  std::uint64_t taken_up_to_ = 0;  // the number of the last move before the round took in the names
  std::uint64_t rescans_ = 0;
};

}  // namespace lookout
