// Walks the tree as it has been told so far, chunk by chunk. The tree must not change meanwhile.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "support/error.h"
#include "watch/entry.h"
#include "watch/reconciler.h"
#include "watch/roots.h"
#include "watch/tree.h"

namespace lookout {

class Lister {
 public:
  Lister(const Tree& tree, const Roots& roots, Reconciler& reconciler, bool with_stat)
      : tree_(&tree), roots_(&roots), reconciler_(&reconciler), with_stat_(with_stat) {}

  // Begins: everything, or what is below the directory `under`. Errors: not_found, enotdir.
  std::optional<Error> start(const std::optional<std::string>& under);

  bool more() const { return at_ != kNoNode; }
  // The next entries: few enough to take about a millisecond.
  std::vector<Entry> next();

 private:
  struct Part {
    NodeId top;
    NodeId cursor;  // told up to here only; kNoNode for all
    NodeId below;   // only what is below this node
  };

  void enter_part();
  void advance();
  Entry entry(NodeId node);

  const Tree* tree_;
  const Roots* roots_;
  Reconciler* reconciler_;
  bool with_stat_;
  std::vector<Part> parts_;  // the last one is under way
  NodeId at_ = kNoNode;
};

}  // namespace lookout
