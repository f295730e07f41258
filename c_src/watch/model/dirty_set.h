// The dirty set: the entries that events have named and that have not been checked yet. It makes no
// system call and is bounded: when it is full, the caller takes all entries out and marks their
// directories stale instead. HintIntake owns it and calls it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "watch/model/hint.h"
#include "watch/model/index_table.h"
#include "watch/model/tree.h"

namespace lookout {

struct DirtyName {
  NodeId directory = kNoNode;
  std::string name;
  Hints hints = 0;
};

class DirtySet {
 public:
  // A full set takes about 8 MiB of memory.
  static constexpr std::size_t kMaxNames = 65536;

  DirtySet();
  DirtySet(const DirtySet&) = delete;
  DirtySet& operator=(const DirtySet&) = delete;

  bool empty() const { return names_.empty(); }
  bool full() const { return size() >= kMaxNames; }
  std::size_t size() const { return names_.size(); }
  // How often add() has been called.
  std::uint64_t additions() const { return additions_; }

  // Adds an entry, or merges the hints into those of an entry that is dirty already. The latter
  // keeps its position in the order.
  void add(NodeId directory, std::string_view name, Hints hints);

  // The hints of an entry; 0 if it is not dirty.
  Hints hints(NodeId directory, std::string_view name) const;

  // Returns all entries in the order in which they were first added, and empties the set.
  std::vector<DirtyName> take();

 private:
  struct KeyHash {
    const DirtySet* set;
    std::uint64_t operator()(std::uint32_t index) const;
  };

  bool is_at(std::uint32_t index, NodeId directory, std::string_view name) const;

  std::uint64_t additions_ = 0;
  std::vector<DirtyName> names_;
  IndexTable<KeyHash> index_;  // holds positions in names_, plus 1
};

}  // namespace lookout
