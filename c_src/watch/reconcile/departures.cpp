#include "watch/reconcile/departures.h"

#include <limits>
#include <utility>

#include "watch/model/free_containers.h"

namespace lookout {

bool Departures::any() const {
  return !parked_.empty() || !blocked_.empty() || !deletions_.empty() || !removals_.empty();
}

void Departures::park(NodeId node, std::uint64_t round) {
  if (tree_.has(node, Mark::parked)) return;
  progress_.change();
  tree_.set(node, Mark::parked);
  parked_.push_back({node, round});
  const Identity identity = tree_.identity(node);
  if (tree_.links(identity) > 1) parked_names_.emplace(identity.device, identity.inode, node);
}

void Departures::unpark(NodeId node) {
  tree_.set(node, Mark::parked, false);
  forget(node);
}

void Departures::forget(NodeId node) {
  forget_parked(node);
  release(node);
}

void Departures::forget_parked(NodeId node) {
  if (parked_names_.empty()) return;
  const Identity identity = tree_.identity(node);
  parked_names_.erase({identity.device, identity.inode, node});
}

std::vector<NodeId> Departures::parked_with(Identity identity) const {
  if (tree_.links(identity) == 1) return tree_.with_identity(identity);
  return parked_names(identity, std::numeric_limits<std::size_t>::max());
}

std::vector<NodeId> Departures::parked_names(Identity identity, std::size_t most) const {
  std::vector<NodeId> found;
  for (auto at = parked_names_.lower_bound({identity.device, identity.inode, kNoNode});
       at != parked_names_.end() && found.size() < most; ++at) {
    const auto [device, inode, node] = *at;
    if (Identity{device, inode} != identity) break;
    found.push_back(node);
  }
  return found;
}

void Departures::release(NodeId blocker) {
  if (auto blocked = blocked_.release(blocker)) queue_.add(std::move(blocked->place));
}

NodeId Departures::next_blocker(std::uint64_t round) {
  if (std::exchange(blockers_of_, round) != round) {
    blockers_ = blocked_.waiting_since_before(round, tree_);
  }
  while (!blockers_.empty()) {
    const NodeId blocker = blockers_.back();
    blockers_.pop_back();
    const Blocked* blocked = blocked_.find(blocker);
    if (blocked != nullptr && blocked->round < round) return blocker;
  }
  return kNoNode;
}

void Departures::no_longer_wanted(Identity wanted) {
  if (blocked_.wants(wanted)) return;
  for (const NodeId other : parked_with(wanted)) {
    if (blocked_.find(other) != nullptr) blockers_.push_back(other);
  }
}

bool Departures::queue_expired(std::uint64_t round) {
  std::erase_if(parked_, [&](const Parked& parked) {
    if (!tree_.alive(parked.node) || !tree_.has(parked.node, Mark::parked)) return true;
    if (parked.round >= round || blocked_.wants(tree_.identity(parked.node))) return false;
    queue_delete(parked.node);
    return true;
  });
  return !deletions_.empty();
}

// Also marks the node, since its NodeId may belong to another entry when its turn comes.
void Departures::queue_delete(NodeId node) {
  tree_.set(node, Mark::deleting);
  deletions_.push_back({node, true});
}

void Departures::remove_root(NodeId node, const Removal& removal) {
  const auto add = [&](NodeId removed, bool reporting) {
    tree_.set(removed, Mark::deleting);
    removals_.push_back({removed, reporting, removal.urgent});
    if (removal.urgent) ++urgent_;
  };
  add(node, removal.reporting);
  for (NodeId at = removal.unreported; at != kNoNode; at = next_below(tree_, at, node)) {
    add(at, false);  // next() takes the last one first
  }
}

Departures::Deletion Departures::next(std::vector<Queued>& stack) {
  if (!tree_.alive(stack.back().node) || !tree_.has(stack.back().node, Mark::deleting)) {
    pop(stack);
    return {kNoNode, false};
  }
  for (;;) {
    const NodeId node = stack.back().node;
    const NodeId child = tree_.is_directory(node) ? tree_.first_child(node) : kNoNode;
    if (child == kNoNode) return {node, pop(stack).reporting};
    tree_.set(child, Mark::deleting);
    stack.push_back({child, stack.back().reporting});
  }
}

Departures::Queued Departures::pop(std::vector<Queued>& stack) {
  const Queued queued = stack.back();
  stack.pop_back();
  if (queued.urgent) --urgent_;
  return queued;
}

void Departures::rest() {
  free_if_large(parked_);
  free_if_large(deletions_);
  free_if_large(removals_);
}

}  // namespace lookout
