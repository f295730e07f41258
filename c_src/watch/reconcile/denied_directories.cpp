#include "watch/reconcile/denied_directories.h"

#include <cstddef>

namespace lookout {

void DeniedDirectories::add(NodeId directory) {
  bool made = places_.try_emplace(directory).second;
  places_.at(directory).denied = true;
  while (made && !tree_.is_root(directory)) {
    ++steps_;
    const NodeId above = tree_.parent(directory);
    made = places_.try_emplace(above).second;
    link(directory, places_.at(directory), above);
    directory = above;
  }
}

std::vector<NodeId> DeniedDirectories::take_below(NodeId directory) {
  std::vector<NodeId> taken;
  const auto found = places_.find(directory);
  if (found == places_.end()) return taken;
  std::vector<NodeId> below;  // parents first
  const auto pass = [&](NodeId node) {
    ++steps_;
    const Place& place = places_.at(node);
    if (place.denied) taken.push_back(node);
    for (NodeId at = place.first; at != kNoNode; at = places_.at(at).next) below.push_back(at);
  };
  pass(directory);
  for (std::size_t i = 0; i < below.size(); ++i) pass(below[i]);
  for (const NodeId node : below) places_.erase(node);
  found->second.first = kNoNode;
  remove(directory);
  return taken;
}

void DeniedDirectories::forget(NodeId directory) {
  const auto found = places_.find(directory);
  if (found == places_.end()) return;
  Place& place = found->second;
  for (NodeId at = place.first; at != kNoNode;) {
    Place& child = places_.at(at);
    at = child.next;
    child.above = child.next = child.previous = kNoNode;
  }
  place.first = kNoNode;
  remove(directory);
}

void DeniedDirectories::link(NodeId directory, Place& place, NodeId above) {
  Place& parent = places_.at(above);
  place.above = above;
  place.next = parent.first;
  if (parent.first != kNoNode) places_.at(parent.first).previous = directory;
  parent.first = directory;
}

void DeniedDirectories::unlink(const Place& place) {
  if (place.next != kNoNode) places_.at(place.next).previous = place.previous;
  if (place.previous != kNoNode) {
    places_.at(place.previous).next = place.next;
  } else if (place.above != kNoNode) {
    places_.at(place.above).first = place.next;
  }
}

// Removes a directory that is above none, and those above that were there only for it.
void DeniedDirectories::remove(NodeId directory) {
  for (;;) {
    ++steps_;
    const Place place = places_.at(directory);
    unlink(place);
    places_.erase(directory);
    if (place.above == kNoNode) return;
    const Place& above = places_.at(place.above);
    if (above.denied || above.first != kNoNode) return;
    directory = place.above;
  }
}

}  // namespace lookout
