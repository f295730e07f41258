// Fills the tree from a snapshot, in steps. Makes no system call but those of the source of the
// decoder. Cursor owns it and calls it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "snapshot/decoder.h"
#include "support/error.h"
#include "watch/model/tree.h"

namespace lookout {

class TreeLoader {
 public:
  // What a file system of the snapshot is now.
  struct Device {
    std::uint64_t number = 0;  // st_dev; one that no file system has, if it was not found
    bool adopts = false;       // its inode numbers say nothing: Mark::adopts
  };

  // `tree` has no nodes yet. `decoder` has returned `header`. Without `follows`, symbolic links are
  // not followed any more: a directory that was reached through one is not opened through it, and
  // the check of its name finds the link.
  TreeLoader(Tree& tree, SnapshotDecoder decoder, SnapshotHeader header, bool follows)
      : tree_(tree), decoder_(std::move(decoder)), header_(std::move(header)), follows_(follows) {}

  const SnapshotHeader& header() const { return header_; }

  // Adds the roots. `devices` are those of the header.
  std::optional<Error> begin(std::vector<Device> devices);
  // Adds some entries. Returns false when all have been added. After an error call undo().
  Result<bool> step();
  // Removes some of what was added. Returns false when nothing is left.
  bool undo();

  // The nodes of header().roots.
  const std::vector<NodeId>& roots() const { return roots_; }
  // The directories that have a moment of their own.
  const std::vector<std::pair<NodeId, std::int64_t>>& moments() const { return moments_; }

 private:
  std::optional<Error> add(const SnapshotRecord& record);

  Tree& tree_;
  SnapshotDecoder decoder_;
  SnapshotHeader header_;
  bool follows_;
  std::vector<Device> devices_;
  std::vector<NodeId> roots_;
  std::vector<std::pair<NodeId, std::int64_t>> moments_;
  std::uint32_t root_ = 0;    // the root of the record before
  std::vector<NodeId> path_;  // the directories down to the last one that came
};

}  // namespace lookout
