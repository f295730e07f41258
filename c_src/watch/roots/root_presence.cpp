#include "watch/roots/root_presence.h"

#include <utility>

namespace lookout {

void RootPresence::lose(Root& root) {
  root.report = true;
  if (!root.is_base && !std::exchange(root.lost, true)) {
    sink_.notice(RootDeletedNotice{root.path});
  }
}

void RootPresence::find_again(Root& root) {
  if (std::exchange(root.lost, false)) sink_.notice(RootCreatedNotice{root.path});
}

void RootPresence::compare(Root& root, bool gone) {
  if (roots_.resolve(root.path) != kNoNode) {
    find_again(root);
  } else if (gone) {
    lose(root);
  }
}

void RootPresence::untrack(const RootPointer& root) {
  const auto tracked = tracked_.find(root->path);
  if (tracked != tracked_.end() && tracked->second == root) tracked_.erase(tracked);
}

// The tracked roots at and below a path.
std::vector<RootPointer> RootPresence::tracked_below(const std::string& path) const {
  std::vector<RootPointer> found;
  if (const auto root = tracked_.find(path); root != tracked_.end()) found.push_back(root->second);
  const std::string top = path == "/" ? path : path + '/';
  for (auto root = tracked_.upper_bound(top);
       root != tracked_.end() && root->first.starts_with(top); ++root) {
    found.push_back(root->second);
  }
  return found;
}

void RootPresence::before(const Event& event) {
  if (event.change != Change::created && event.change != Change::renamed) return;
  const auto root = tracked_.find(event.path);
  if (root != tracked_.end()) find_again(*root->second);
}

void RootPresence::after(const Event& event) {
  if (event.change == Change::deleted) {
    const auto root = tracked_.find(event.path);
    const bool handed_over = handed_over_.erase(event.path) > 0;
    if (root == tracked_.end()) return;
    if (handed_over) {
      checks_.add(root->second);  // the file may be gone now
    } else {
      lose(*root->second);
    }
    return;
  }
  if (event.change != Change::created && event.change != Change::renamed) return;
  std::vector<RootPointer> concerned = tracked_below(event.path);
  if (event.change == Change::renamed) {
    for (RootPointer& root : tracked_below(event.from)) concerned.push_back(std::move(root));
  }
  for (const RootPointer& root : concerned) {
    compare(*root, true);
    if (!root->base) checks_.add(root);  // the path may not lead through the new entry
  }
}

}  // namespace lookout
