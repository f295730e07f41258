// Finds the root above a node in few steps, also if the node is deep: of the directories that are
// far below their root, one in kStride remembers it. Makes no system call. Tree owns it and calls
// it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "watch/model/node_id.h"

namespace lookout {

class FarRoots {
 public:
  // `parent` returns the parent of a node, kNoNode for a root.
  template <class Parent>
  NodeId root_of(NodeId node, Parent parent) {
    std::size_t steps = 0;
    NodeId at = node;
    for (NodeId above = parent(at); above != kNoNode; above = parent(at)) {
      if (const auto known = roots_.find(at); known != roots_.end()) {
        at = known->second;
      } else {
        at = above;
        ++steps;
      }
    }
    steps_ += steps;
    if (steps > 2 * kStride) remember(node, steps, at, parent);
    return at;
  }
  // A directory that leaves the tree.
  void forget(NodeId directory) { roots_.erase(directory); }
  // A directory has moved, perhaps to another root.
  void clear() { roots_.clear(); }
  // How many nodes root_of() has passed, for tests.
  std::uint64_t steps() const { return steps_; }

 private:
  static constexpr std::size_t kStride = 32;

  // Each kStride-th of the next `steps` nodes above a node.
  template <class Parent>
  void remember(NodeId node, std::size_t steps, NodeId root, Parent parent) {
    for (std::size_t step = 1; step + kStride <= steps; ++step) {
      node = parent(node);
      if (step % kStride == 0) roots_[node] = root;
    }
  }

  std::unordered_map<NodeId, NodeId> roots_;
  std::uint64_t steps_ = 0;
};

}  // namespace lookout
