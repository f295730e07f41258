// A cache of open descriptors of directories of the tree. open() verifies by device and inode
// number that a descriptor is the directory that the tree recorded: a path may resolve to another
// directory by the time it is opened, a verified descriptor cannot. Reconciler owns it; the classes
// of reconcile/ call it.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <list>
#include <unordered_map>
#include <unordered_set>
#include <variant>

#include "watch/disk/open_directory.h"
#include "watch/disk/read_ahead.h"
#include "watch/disk/remote_mounts.h"
#include "watch/model/tree.h"

namespace lookout {

// Why a directory could not be opened.
struct OpenFailure {
  enum class Kind {
    moved,   // another entry or none exists at the path of `node`: check that path first
    denied,  // `node` exists at its path, but permission to open it is denied
    failed   // any other error (no descriptors, no memory, an I/O error, no answer): try again
  };
  Kind kind;
  NodeId node;  // the directory or the ancestor that could not be opened
  int code;     // errno
};

class DirectoryCache {
 public:
  // Keeps at most `capacity` descriptors open.
  DirectoryCache(Tree& tree, std::size_t capacity, const RemoteMounts& mounts, ReadAhead& closer)
      : tree_(tree), capacity_(capacity), mounts_(mounts), closer_(closer) {}

  // Opens a directory relative to its nearest ancestor that is open, and verifies each component.
  // Of a long path, only the last directories stay open, so that several deep ones can.
  // The first open of a directory with a provisional identity stores its real identity and its mode
  // in the tree.
  std::variant<DirectoryFd, OpenFailure> open(NodeId directory);

  void drop(NodeId directory);
  void forget_directory(NodeId directory) { drop(directory); }
  void drop_all();
  // Called when an event of this directory was read. rest() then keeps its descriptor open, so that
  // a directory that changes steadily is not opened again each time.
  void had_event(NodeId directory);
  // Called when there is no more work for now. Closes all descriptors but those of directories that
  // had an event since the last call of age() but one, and those on a mount with an unanswered
  // call. An open descriptor keeps a file system from being unmounted, so a directory that is
  // polled, or was listed once, is closed. A root or the target of a followed link is closed in
  // spite of events when it is empty: the kernel queues IN_DELETE_SELF of a removed directory only
  // when its last descriptor is closed, and only an empty directory can be removed. It is closed as
  // well when it is a mount point or on a remote mount.
  void rest();
  void age();
  bool empty() const { return slots_.empty(); }
  // How many directories were opened since the start.
  std::uint64_t opened() const { return opened_; }
  std::size_t capacity() const { return capacity_; }

 private:
  struct Slot {
    DirectoryFd fd;
    std::list<NodeId>::iterator recency;
    // Set only for a root or the target of a followed link: it is a mount point or on a remote
    // mount.
    bool mounted;
  };

  bool is_top(NodeId directory) const;
  const Slot* find(NodeId directory);
  std::variant<DirectoryFd, OpenFailure> step(NodeId directory, const DirectoryFd& parent);
  void keep(NodeId directory, DirectoryFd fd);
  bool stays(NodeId directory, const Slot& slot) const;

  Tree& tree_;
  std::size_t capacity_;
  std::uint64_t opened_ = 0;
  const RemoteMounts& mounts_;
  ReadAhead& closer_;  // closes the descriptors that are evicted
  std::unordered_map<NodeId, Slot> slots_;
  std::list<NodeId> recency_;  // most recently used first
  // The directories with an event since the last age(), and those with an event in the period
  // before; at most `capacity_` each.
  std::unordered_set<NodeId> recent_;
  std::unordered_set<NodeId> before_;
  NodeId latest_ = kNoNode;  // the last one inserted into recent_
};

}  // namespace lookout
