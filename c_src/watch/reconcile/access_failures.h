// What could not be checked or listed: reports it, and has it checked again when that may help.
//
// A check or a scan passes each failure here. What is in order except for its server or its mode is
// reported once; every failure leads to a retry by a timer, by an event, or in the next round, so
// that nothing dirty is dropped.
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

  // The directory of a dirty name could not be opened.
  void not_opened(const DirtyName& dirty, const OpenFailure& failure);
  // The entry in an open directory could not be stat'ed, with this errno.
  void not_checked(const DirtyName& dirty, const DirectoryFd& fd, int code);
  // The rules of a directory could not be loaded, so nothing in it can be checked now.
  void no_rules(DirtyName dirty);
  // A directory could not be opened to be listed. In a round, the check of what has moved belongs
  // to that round, in a crawl to the next one.
  void not_opened(NodeId directory, const OpenFailure& failure, bool in_round);
  // A directory could not be listed, with this errno.
  void not_listed(NodeId directory, int code);
  // A directory was listed to its end.
  void listed(NodeId directory);
  // The file with rules at `place` is on a mount of its own that does not answer. It is read again
  // when that mount answers.
  void rules_not_read(const DirEntry& place, const RemoteMount& mount);
  // The entry `source` of the tree has moved to `place`, which the tree has below it: the tree is
  // behind the disk. The directory of the place has left the entry; its own new place must be found
  // first.
  void moved_below(const DirtyName& place, NodeId source);
  // Whether the tree has room for one more entry of a directory. If not, the tree does not have the
  // whole directory, which is then listed again like one that cannot be read.
  bool has_room(NodeId directory, std::string_view name, std::uint64_t device);

  // Lists again what could not be read at or below a directory, whose mode or place has changed.
  void revive(NodeId directory, Agenda& agenda);
  // A directory was opened to be listed. If no event reports that it may be opened again, lists
  // what was denied below it.
  void opened(NodeId directory, const OpenDirectory& fd, Agenda& agenda);
  // Checks again what failed without an event that could report its end: the next `most`
  // directories, and as many names.
  void check_again(Agenda& agenda, std::size_t most);

 private:
  using Moved = Retries::Moved;

  void keep_moment(const DirtyName& dirty);
  void denied(NodeId directory, NodeId by, int code);
  void give_up(NodeId directory, int code);
  void list_again(NodeId directory);
  Moved moved_as(const OpenFailure& failure);
  void refused(NodeId directory, const OpenFailure& failure);
  void vanished(NodeId directory, int code);
  void unreachable(const DirEntry& place, int code);
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
