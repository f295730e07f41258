// Directories that wait for a change of their mode, or of that of a directory above. An index of
// the directories above them finds those below a directory without a check of the others. Makes no
// system call. Retries owns it and calls it.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "watch/model/tree.h"

namespace lookout {

class DeniedDirectories {
 public:
  explicit DeniedDirectories(const Tree& tree) : tree_(tree) {}

  void add(NodeId directory);
  // Whether any is at or below a directory.
  bool any_below(NodeId directory) const { return places_.contains(directory); }
  // Removes those at or below a directory, and returns them. Must be called for each directory that
  // was moved in the tree, before anything else is added.
  std::vector<NodeId> take_below(NodeId directory);
  // The directory leaves the tree.
  void forget(NodeId directory);

  // How many directories were passed so far, for tests.
  std::uint64_t steps() const { return steps_; }

 private:
  // A directory that waits, or is above one that does.
  struct Place {
    NodeId above = kNoNode;  // when it was added
    NodeId first = kNoNode;  // the first directory below it
    NodeId next = kNoNode;   // the next one with the same `above`
    NodeId previous = kNoNode;
    bool denied = false;
  };

  void link(NodeId directory, Place& place, NodeId above);
  void unlink(const Place& place);
  void remove(NodeId directory);

  const Tree& tree_;
  std::unordered_map<NodeId, Place> places_;
  std::uint64_t steps_ = 0;
};

}  // namespace lookout
