// Open descriptors of directories of the tree, each verified to be the directory that the tree
// means: a path may lead elsewhere by the time it is opened, a verified descriptor cannot.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <list>
#include <unordered_map>
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
  // Of roots and followed links those are closed at once whose removal would be held back: an open
  // descriptor holds back IN_DELETE_SELF, which comes only of what is empty, and keeps the file
  // system busy that is mounted there.
  void drop_tops();
  // Drops what was not used since the last call.
  void age();
  bool empty() const { return slots_.empty(); }
  std::size_t capacity() const { return capacity_; }

 private:
  struct Slot {
    DirectoryFd fd;
    std::list<NodeId>::iterator recency;
    bool mounted;      // of a root or a followed link: a file system is mounted there
    bool used = true;  // since the last age()
  };

  bool is_top(NodeId directory) const;
  const Slot* find(NodeId directory);
  std::variant<DirectoryFd, OpenFailure> step(NodeId directory, const DirectoryFd& parent);
  void keep(NodeId directory, DirectoryFd fd);

  Tree& tree_;
  std::size_t capacity_;
  const RemoteMounts& mounts_;
  ReadAhead& closer_;  // of those for which there is no room
  std::unordered_map<NodeId, Slot> slots_;
  std::list<NodeId> recency_;  // the latest used first
};

}  // namespace lookout
