#include "watch/reconcile/node_owners.h"

namespace lookout {

void NodeOwners::leave(NodeId node) {
  round_.leave(node);
  crawl_.leave(node);
}

void NodeOwners::move(NodeId node) {
  leave(node);
  // Links below it may have been followed since the move, while the tree had their old path.
  if (tree_.is_directory(node) && std::get<FollowedLinks&>(owners_).bytes() > 0) {
    paths_.invalidate(tree_.path(node));
  }
}

void NodeOwners::erase(NodeId node) {
  progress_.change();
  leave(node);
  int watch = kNoWatch;
  if (tree_.is_directory(node)) {
    watch = tree_.watch(node);
    std::apply([node](auto&... owner) { (owner.forget_directory(node), ...); }, owners_);
  }
  std::get<Moments&>(owners_).forget_file(node);
  hard_links_.forget(node);
  departures_.forget(node);
  const Identity identity = tree_.identity(node);
  tree_.remove(node);
  hard_links_.forget(identity);
  // A directory that was moved out of the tree still exists: its watch must be removed.
  if (watch != kNoWatch && !tree_.watch_in_use(watch) && !paths_.has_watch(watch))
    source_.unwatch(watch);
}

}  // namespace lookout
