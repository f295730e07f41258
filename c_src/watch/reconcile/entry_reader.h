// Reads an entry as it is to be reported: an entry that is not visible counts as missing, and a
// symbolic link that is followed is the directory that it leads to. Each read adds the watches that
// report the next change of the result. Reconciler owns it; the classes of reconcile/ call it.
//
// A directory is reported at one path only. If the tree has the target of a link at the path of the
// link, and then finds it at its own path, it is reported there, and the link is reported as a link
// again, unless that path is below the link.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "watch/disk/directory_cache.h"
#include "watch/disk/disk.h"
#include "watch/disk/open_directory.h"
#include "watch/disk/remote_mounts.h"
#include "watch/model/tree.h"
#include "watch/model/visibility.h"
#include "watch/reconcile/file_watcher.h"
#include "watch/reconcile/followed_links.h"
#include "watch/reconcile/hint_intake.h"
#include "watch/reconcile/notices.h"
#include "watch/reconcile/retries.h"
#include "watch/reconcile/root_settings.h"
#include "watch/reconcile/round_progress.h"
#include "watch/reconcile/round_queue.h"

namespace lookout {

class EntryReader {
 public:
  EntryReader(Tree& tree, Visibility& visibility, const RootSettings& roots,
              const RemoteMounts& mounts, DirectoryCache& directories, FollowedLinks& links,
              FileWatcher& files, HintIntake& hints, Retries& retries, RoundProgress& progress,
              RoundQueue& queue, Notices& notices)
      : tree_(tree),
        visibility_(visibility),
        roots_(roots),
        mounts_(mounts),
        directories_(directories),
        links_(links),
        files_(files),
        hints_(hints),
        retries_(retries),
        progress_(progress),
        queue_(queue),
        notices_(notices) {}
  EntryReader(const EntryReader&) = delete;
  EntryReader& operator=(const EntryReader&) = delete;

  // Reads the entry `name` of an open directory. An entry that is not visible is ENOENT.
  std::variant<FileStatus, int> read(NodeId directory, const DirectoryFd& fd,
                                     const std::string& name) {
    return read(directory, fd, name, Targets::all);
  }

  // Whether read() would return this stat of a regular file that is visible unchanged.
  bool takes_as_is(NodeId directory, const FileStatus& file) const {
    return !roots_.follows(directory) && !files_.concerns(&file);
  }

  // Returns whether an entry of the tree, whose identity was found at another path, is still at its
  // own path as well. If it is not, the round checks it. After a transient error it counts as
  // there, and is_undecided() is true until the next reset_undecided().
  bool exists(NodeId node, Hints hints);
  void reset_undecided() { undecided_ = false; }
  bool is_undecided() const { return undecided_; }

  // The number of components of links that were resolved since the start: a step of the engine ends
  // after kLinkComponentsPerStep.
  std::uint64_t resolved() const { return links_.resolved(); }

  // The tree has a directory at its own path: the links to it are checked again.
  void found_in_place(NodeId directory);
  // The tree has a directory at the path of a link. Checks the other links to it again: if the
  // rules made the directory invisible there, such a link is reported as a link from now on.
  void found_through_link(NodeId directory);

 private:
  // `all` follows each link to its target. `known` follows a link only to the directory that the
  // tree already has at the path of the link, and otherwise returns the link itself: whether a
  // target is reported elsewhere depends on other links, and their results may depend on this one.
  enum class Targets : std::uint8_t { all, known };

  std::variant<FileStatus, int> read(NodeId directory, const DirectoryFd& fd,
                                     const std::string& name, Targets targets);
  std::variant<FileStatus, int> follow(const DirEntry& place, const DirectoryFd& fd,
                                       const FileStatus& link, Targets targets);
  bool is_reported_elsewhere(NodeId known, Identity target, bool stays);

  Tree& tree_;
  Visibility& visibility_;
  const RootSettings& roots_;
  const RemoteMounts& mounts_;
  DirectoryCache& directories_;
  FollowedLinks& links_;
  FileWatcher& files_;
  HintIntake& hints_;
  Retries& retries_;
  RoundProgress& progress_;
  RoundQueue& queue_;
  Notices& notices_;
  bool undecided_ = false;
};

}  // namespace lookout
