#include "watch/roots/root_bases.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace lookout {

void RootBases::join(const RootPointer& root) {
  if (root->joined) return presence_.compare(*root, false);
  // What another root has reported of this path must be deleted first; then root_removed() asks for
  // a check.
  const std::vector<RootPointer> outer = roots_.above(root->path, false);
  if (std::any_of(outer.begin(), outer.end(), [](const RootPointer& other) {
        return !other->is_base && other->phase == Root::Phase::leaving;
      })) {
    return;
  }
  if (!root->base) {
    root->base = roots_.base(root->target.directory, root->options);
    if (!root->base) {
      root->base = root_paths_.make_root(root->target.directory, root->options, {});
      root->base->is_base = true;
      roots_.add(root->base);
      checks_.add(root->base);
    }
    root->base->members[root->target.only] = root.get();
  }
  if (root->base->phase != Root::Phase::reported) return;  // load() asks for a check
  root->joined = true;
  presence_.track(root);
  const NodeId directory = root->base->node;
  // If the entry is in the tree already, it is being deleted: this path was removed and added
  // again.
  const bool leaving = tree_.child(directory, root->target.only) != kNoNode;
  if (std::exchange(root->report, true) || leaving) {
    reconciler_.show_single(directory, root->target.only);
  } else {
    reconciler_.load_single(directory, root->target.only);
  }
}

void RootBases::leave(const RootPointer& root) {
  const RootPointer base = std::exchange(root->base, nullptr);
  const std::string name = path_below(root->path, base->path);
  base->members.erase(name);
  if (std::exchange(root->joined, false) && base->node != kNoNode) {
    reconciler_.hide_single(base->node, name);
    const NodeId entry = tree_.child(base->node, name);
    if (entry != kNoNode) {
      presence_.hand_over(*root);
      reconciler_.remove_root(entry, {.urgent = true});
    }
  }
  if (!base->members.empty()) return;
  base->removed = true;
  checks_.add(base);
}

}  // namespace lookout
