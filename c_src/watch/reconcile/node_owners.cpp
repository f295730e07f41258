#include "watch/reconcile/node_owners.h"

namespace lookout {

void NodeOwners::leave(NodeId node) {
  round_.leave(node);
  crawl_.leave(node);
}

void NodeOwners::erase(NodeId node) {
  progress_.change();
  leave(node);
  int watch = -1;
  if (tree_.is_directory(node)) {
    watch = tree_.watch(node);
    std::apply([node](auto&... owner) { (owner.forget_directory(node), ...); }, owners_);
  }
  hard_links_.forget(node);
  departures_.forget(node);
  const Identity identity = tree_.identity(node);
  tree_.remove(node);
  hard_links_.forget(identity);
  // A directory that was moved out of the tree still exists: its watch must be removed.
  if (watch >= 0 && !tree_.watch_in_use(watch) && !paths_.holds(watch)) source_.unwatch(watch);
}

}  // namespace lookout
