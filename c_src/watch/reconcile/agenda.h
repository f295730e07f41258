// The directories that a round, or a crawl, is to list. Pure: makes no system call.
//
// A directory is on at most one agenda, and has DirMark::queued as long. DirMark::stale and suspect
// say what the listing is for.
#pragma once

#include <cstddef>
#include <vector>

#include "watch/model/tree.h"

namespace lookout {

class Agenda {
 public:
  explicit Agenda(Tree& tree) : tree_(tree) {}
  Agenda(const Agenda&) = delete;
  Agenda& operator=(const Agenda&) = delete;

  // Adds a directory, unless its entries are not reported. With `suspect` events about its entries
  // were lost: the listing compares them all.
  void add(NodeId directory, bool suspect);
  // Adds a directory and everything below it, since other entries may be visible there now. Each
  // listing adds the next level.
  void add_all_below(NodeId directory);
  // Whether add_all_below() was called for a directory above, and has not reached this one yet.
  bool comes_to(NodeId directory) const;
  // Adds a directory again whose listing was begun.
  void add_back(NodeId directory);

  bool empty() const { return directories_.empty(); }
  std::size_t size() const { return directories_.size(); }
  // The directory that was added last; kNoNode if that one has left the tree, or was listed
  // meanwhile.
  NodeId take();
  // Frees the memory of a large round.
  void rest();

 private:
  Tree& tree_;
  std::vector<NodeId> directories_;
};

}  // namespace lookout
