// Handles failed checks and listings: reports the lasting ones, and schedules a retry for each.
//
// The checks and the scans call it. Notices reports a directory once if its mode or its server
// denies access. Retries keeps every failed name and directory until a timer, an event or the next
// round repeats it, so nothing that is dirty is dropped. Reconciler owns it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "watch/disk/directory_cache.h"
#include "watch/disk/open_directory.h"
#include "watch/disk/remote_mounts.h"
#include "watch/model/dirty_set.h"
#include "watch/model/trail.h"
#include "watch/model/tree.h"
#include "watch/reconcile/agenda.h"
#include "watch/reconcile/change_sink.h"
#include "watch/reconcile/hint_intake.h"
#include "watch/reconcile/moments.h"
#include "watch/reconcile/notices.h"
#include "watch/reconcile/retries.h"
#include "watch/reconcile/round_progress.h"
#include "watch/reconcile/round_queue.h"

namespace lookout {

class AccessFailures {
 public:
  AccessFailures(Tree& tree, const RemoteMounts& mounts, DirectoryCache& directories,
                 HintIntake& hints, Moments& moments, Retries& retries, RoundProgress& progress,
                 RoundQueue& queue, Notices& notices, ChangeSink& sink)
      : tree_(tree),
        mounts_(mounts),
        directories_(directories),
        hints_(hints),
        moments_(moments),
        retries_(retries),
        progress_(progress),
        queue_(queue),
        notices_(notices),
        sink_(sink) {}
  AccessFailures(const AccessFailures&) = delete;
  AccessFailures& operator=(const AccessFailures&) = delete;

  // Opening the directory of a dirty name has failed.
  void open_failed(const DirtyName& dirty, const OpenFailure& failure);
  // stat() of a name in the open directory `fd` has failed with errno `code`.
  void stat_failed(const DirtyName& dirty, const DirectoryFd& fd, int code);
  // Loading the rules of the directory has failed, so the name cannot be checked now.
  void rules_failed(DirtyName dirty);
  // Opening a directory in order to list it has failed. If a directory on its path has moved, that
  // directory is checked first: in this round if `in_round`, otherwise in the next one.
  void open_failed(NodeId directory, const OpenFailure& failure, bool in_round);
  // Listing a directory has failed with errno `code`.
  void listing_failed(NodeId directory, int code);
  // A directory was listed to its end. It is no longer unreadable, unless the tree had no room for
  // one of its entries.
  void listing_succeeded(NodeId directory);
  // `file`, a rule file or a .git directory, is on a mount that does not answer. It is read again
  // when the mount answers, or at a poll.
  void rule_file_failed(const DirEntry& file, const RemoteMount& mount);
  // On disk, `source` was moved to `dirty`, which is below `source` in the tree. So a directory
  // between them was moved out of `source` before. Checks these directories first, and `dirty` in
  // the next round.
  void moved_below_itself(const DirtyName& dirty, NodeId source);
  // Returns whether the tree has room for one more entry. If not, the tree lacks entries of the
  // directory: reports the directory as unreadable, and schedules a retry.
  bool require_room(NodeId directory, std::string_view name, std::uint64_t device);

  // The mode or the path of a directory has changed: lists again what could not be read at or below
  // it.
  void retry_below(NodeId directory, Agenda& agenda);
  // A directory was opened in order to list it. If no event could report that, lists again the
  // directories below it that were denied.
  void open_succeeded(NodeId directory, const OpenDirectory& fd, Agenda& agenda);
  // Retries what no event reports: the next `most` failed directories and `most` failed names.
  void retry_failed(Agenda& agenda, std::size_t most);

 private:
  using Moved = Retries::Moved;

  void keep_moment(const DirtyName& dirty);
  void denied(NodeId directory, NodeId by, int code);
  void report_and_poll(NodeId directory, int code);
  void retry_listing(NodeId directory);
  Moved moved_as(const OpenFailure& failure);
  void refused(NodeId directory, const OpenFailure& failure);
  void vanished(NodeId directory, int code);
  void unreachable(const DirEntry& entry, int code);
  void unreadable(NodeId directory, int code);
  bool is_on_mount(const OpenDirectory& directory, const std::string& name) const;
  bool is_reported_by_parent(NodeId directory) const;
  NodeId top_of_mount(NodeId directory) const;

  Tree& tree_;
  const RemoteMounts& mounts_;
  DirectoryCache& directories_;
  HintIntake& hints_;
  Moments& moments_;
  Retries& retries_;
  RoundProgress& progress_;
  RoundQueue& queue_;
  Notices& notices_;
  ChangeSink& sink_;
};

}  // namespace lookout
