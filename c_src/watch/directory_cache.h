// Open descriptors of directories of the tree, each verified to be the directory that the tree
// means: a path may lead elsewhere by the time it is opened, a verified descriptor cannot.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <list>
#include <unordered_map>
#include <unordered_set>
#include <variant>

#include "watch/open_directory.h"
#include "watch/read_ahead.h"
#include "watch/remote_mounts.h"
#include "watch/tree.h"

namespace lookout {

// Why a directory could not be opened.
struct OpenFailure {
  enum class Kind {
    moved,   // another entry or none stands at the place of `node`: look there first
    denied,  // `node` stands at its place but may not be opened
    failed   // a passing condition (no descriptors, no memory, an I/O error, no answer): try again
  };
  Kind kind;
  NodeId node;  // the directory or the ancestor where it failed
  int code;     // errno
};

class DirectoryCache {
 public:
  // Keeps at most `capacity` descriptors open.
  DirectoryCache(Tree& tree, std::size_t capacity, const RemoteMounts& mounts, ReadAhead& closer)
      : tree_(tree), capacity_(capacity), mounts_(mounts), closer_(closer) {}

  // Opens a directory from its nearest ancestor that is open, verifying each step. The first open
  // of a directory with a provisional identity confirms it; every open notes its mode when it was
  // not known.
  std::variant<DirectoryFd, OpenFailure> open(NodeId directory);

  void drop(NodeId directory);
  void drop_all();
  // An event of this directory was read: steady changes find its descriptor open.
  void had_event(NodeId directory);
  // There is no more work for now: closes all but the directories that had an event since the last
  // age() but one. An open descriptor keeps a file system from being unmounted, so what is polled,
  // or was listed once, is not kept. Nor is a root or a followed link that had events where that
  // would hold back its removal: IN_DELETE_SELF comes only of what is empty, when it is closed.
  void rest();
  void age();
  bool empty() const { return slots_.empty(); }
  std::size_t capacity() const { return capacity_; }

 private:
  struct Slot {
    DirectoryFd fd;
    std::list<NodeId>::iterator recency;
    bool mounted;  // of a root or a followed link: a file system is mounted there
  };

  bool is_top(NodeId directory) const;
  const Slot* find(NodeId directory);
  std::variant<DirectoryFd, OpenFailure> step(NodeId directory, const DirectoryFd& parent);
  void keep(NodeId directory, DirectoryFd fd);
  bool stays(NodeId directory, const Slot& slot) const;

  Tree& tree_;
  std::size_t capacity_;
  const RemoteMounts& mounts_;
  ReadAhead& closer_;  // of those for which there is no room
  std::unordered_map<NodeId, Slot> slots_;
  std::list<NodeId> recency_;  // the latest used first
  // Those that had an event since the last age(), and in the period before; at most `capacity_`.
  std::unordered_set<NodeId> recent_;
  std::unordered_set<NodeId> before_;
  NodeId latest_ = kNoNode;  // of recent_
};

}  // namespace lookout
