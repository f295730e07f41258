// Saves what a snapshot needs beside the tree, and goes on from a snapshot: the tree is that of an
// earlier run, and every directory is compared with the disk.
#include <algorithm>
#include <iterator>
#include <utility>

#include "watch/reconciler.h"

namespace lookout {

// The entries of the tree whose events wait for their writers.
std::unordered_set<NodeId> Reconciler::held_entries() const {
  std::unordered_set<NodeId> entries;
  for (const auto& [place, held] : held_) {
    if (!tree_.alive(place.first) || !tree_.is_directory(place.first)) continue;
    const NodeId node = tree_.child(place.first, place.second);
    if (node != kNoNode) entries.insert(node);
  }
  return entries;
}

void Reconciler::adopt(NodeId root, RootOptions options, bool was_recursive) {
  visibility_.add_root(root, options.single_files, options.filter, options.above);
  const bool recursive = options.recursive;
  roots_.add(root, std::move(options));
  moments_.doubt();
  if (recursive) return;
  for (NodeId at = tree_.first_child(root); at != kNoNode; at = tree_.next_sibling(at)) {
    if (!tree_.is_directory(at)) continue;
    tree_.set(at, DirMark::opaque);
    if (!was_recursive) continue;
    for (NodeId below = tree_.first_child(at); below != kNoNode;
         below = tree_.next_sibling(below)) {
      remove_root(below, {});
    }
  }
}

// Marks every directory, parents first, to be listed and compared.
void Reconciler::compare_since(std::int64_t moment,
                               const std::vector<std::pair<NodeId, std::int64_t>>& moments) {
  moments_.resume(moment, moments);
  const bool any_flat = roots_.any_flat();
  std::vector<NodeId> all;
  tree_.for_each_directory([&](NodeId directory) {
    if (any_flat && !tree_.is_root(directory) && roots_.is_flat(tree_.root_of(directory))) return;
    all.push_back(directory);
  });
  // list_step() takes directories from the end of the agenda.
  std::for_each(all.rbegin(), all.rend(),
                [&](NodeId directory) { queue_listing(directory, true); });
}

// The inode number of an entry says nothing yet: whatever of its type is at its place is the entry.
bool Reconciler::adopt_identity(NodeId node, EntryType type, Identity identity) {
  if (!tree_.has(node, Mark::adopts) || tree_.type(node) != type ||
      !tree_.has_room_for(identity.device)) {
    return false;
  }
  tree_.set(node, Mark::adopts, false);
  tree_.set_identity(node, identity);
  return true;
}

}  // namespace lookout
