// Lists the tree in the state that has been reported so far, in chunks. The tree must not change
// during the walk. ListRequests owns one for each listing, and EngineLoop makes no change until it
// is done.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "support/error.h"
#include "watch/model/entry.h"
#include "watch/model/tree.h"
#include "watch/reconcile/reconciler.h"
#include "watch/roots/roots.h"

namespace lookout {

class ListReader {
 public:
  ListReader(const Tree& tree, const Roots& roots, Reconciler& reconciler, bool with_stat)
      : tree_(&tree), roots_(&roots), reconciler_(&reconciler), with_stat_(with_stat) {}

  // Starts to list all roots, or the entries below the directory `under`. Errors: not_found,
  // enotdir.
  std::optional<Error> start(const std::optional<std::string>& under);

  bool more() const { return at_ != kNoNode; }
  // Returns the next entries. Their number is limited so that a call takes about a millisecond.
  std::vector<Entry> next();

 private:
  struct Part {
    NodeId top;
    NodeId cursor;  // the first entry that is not reported yet; kNoNode: all are reported
    NodeId below;   // if set, only entries below this node are listed
  };

  void enter_part();
  void advance();
  Entry entry(NodeId node);

  const Tree* tree_;
  const Roots* roots_;
  Reconciler* reconciler_;
  bool with_stat_;
  std::vector<Part> parts_;  // the last one is being walked
  NodeId at_ = kNoNode;
};

}  // namespace lookout
