// The directories that a round, or a crawl, is to list. Makes no system call. Reconciler owns both;
// the classes of reconcile/ call them.
//
// A directory with DirMark::queued is on exactly one of the two agendas. Its listing may clear the
// mark while it is on one: take() skips such a directory, and size() still counts it.
// DirMark::stale and suspect say what the listing is for. The directory that was added last is
// listed first.
#pragma once

#include <cstddef>
#include <unordered_set>
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
  // Continues add_all_below() with a directory in one that was listed. Does nothing if the listing
  // of this one began after the last call of add_all_below() and so continues it.
  void continue_below(NodeId directory);
  // The listing of a directory begins.
  void begins(NodeId directory);
  // Whether add_all_below() was called for a directory above, and has not reached this one yet.
  bool comes_to(NodeId directory) const;
  // Adds a directory without a change of its marks: one that was taken, and must be listed later.
  void add_back(NodeId directory);

  bool empty() const { return directories_.empty(); }
  std::size_t size() const { return directories_.size(); }
  // The directory that take() removes next; it may have left the tree. The agenda must not be
  // empty.
  NodeId next() const { return directories_.back(); }
  // Removes the directory that was added last and returns it; kNoNode if it has left the tree, or
  // was listed meanwhile. The agenda must not be empty.
  NodeId take();
  // Frees the memory of a large round.
  void rest();

 private:
  Tree& tree_;
  std::vector<NodeId> directories_;
  // The directories with DirMark::deep whose listings have begun since the last add_all_below().
  std::unordered_set<NodeId> begun_;
};

}  // namespace lookout
