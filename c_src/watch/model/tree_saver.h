// Writes the tree as a snapshot, in steps. The tree must not change between them. Makes no system
// call. Cursor owns it and calls it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "snapshot/encoder.h"
#include "watch/model/tree.h"

namespace lookout {

class TreeSaver {
 public:
  // Of a directory in which events do not show all changes: the time up to which it was right.
  using Moment = std::function<std::optional<std::int64_t>(NodeId)>;
  // Whether changes of an entry, which is no directory, were seen and not reported.
  using Pending = std::function<bool(NodeId)>;

  // `roots` are the nodes of header.roots.
  TreeSaver(const Tree& tree, SnapshotHeader header, std::vector<NodeId> roots, Moment moment,
            Pending pending);
  TreeSaver(const TreeSaver&) = delete;
  TreeSaver& operator=(const TreeSaver&) = delete;

  // Encodes some entries. Returns false when all are encoded.
  bool step();
  // The bytes since the last call.
  std::string take() { return encoder_.take(); }
  // Whether the snapshot can be read again: not if there are too many roots, or names are too long.
  bool fits() const { return encoder_.fits(); }

 private:
  void add(NodeId node);
  std::uint32_t levels_up(NodeId node) const;

  const Tree& tree_;
  const SnapshotHeader header_;
  const std::vector<NodeId> roots_;
  const Moment moment_;
  const Pending pending_;
  SnapshotEncoder encoder_;
  std::unordered_map<std::uint64_t, std::uint32_t> devices_;  // indexes, by number
  std::size_t root_ = 0;
  NodeId before_ = kNoNode;  // the entry that was encoded last, or the root
};

StampBytes to_bytes(const Stamp& stamp);
Stamp to_stamp(const StampBytes& bytes);

}  // namespace lookout
