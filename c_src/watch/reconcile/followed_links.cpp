#include "watch/reconcile/followed_links.h"

#include <iterator>
#include <utility>

#include "watch/disk/path_walk.h"

namespace lookout {

std::optional<PathWatches::Resolution> FollowedLinks::follow(const DirEntry& place,
                                                             const std::string& path) {
  const auto known = links_.find(place);
  if (room() + (known == links_.end() ? 0 : known->second->steps) <= 0) {
    forget(place);
    refused_.insert(place);
    return std::nullopt;
  }
  refused_.erase(place);
  auto& link = links_[place];
  if (!link) link = std::make_unique<Link>(*this, place);
  auto resolution = paths_.follow(*link, path, true);
  const auto bytes = (path.size() + resolution.real.size()) / kBytesAComponent;
  const std::int64_t steps = resolution.steps + static_cast<std::int64_t>(bytes);
  steps_ += steps - std::exchange(link->steps, steps);
  resolved_ += static_cast<std::uint64_t>(resolution.steps);
  set_real(*link, resolution.exists ? resolution.real : std::string());
  set_target(*link, std::nullopt);
  return resolution;
}

void FollowedLinks::forget(const DirEntry& place) {
  refused_.erase(place);
  const auto link = links_.find(place);
  if (link == links_.end()) return;
  set_target(*link->second, std::nullopt);
  set_real(*link->second, {});
  steps_ -= link->second->steps;
  links_.erase(link);
}

void FollowedLinks::forget_directory(NodeId directory) {
  lost(tree_.identity(directory));
  const DirEntry first{directory, ""};
  for (auto at = links_.lower_bound(first); at != links_.end() && at->first.first == directory;) {
    forget(DirEntry((at++)->first));
  }
  auto end = refused_.lower_bound(first);
  while (end != refused_.end() && end->first == directory) ++end;
  refused_.erase(refused_.lower_bound(first), end);
}

void FollowedLinks::reported_elsewhere(const DirEntry& place, Identity target) {
  set_target(place, target, false);
}

void FollowedLinks::hidden(const DirEntry& place, Identity target) {
  set_target(place, target, true);
}

void FollowedLinks::set_target(const DirEntry& place, Identity target, bool hidden) {
  const auto link = links_.find(place);
  if (link != links_.end()) set_target(*link->second, target, hidden);
}

void FollowedLinks::set_target(Link& link, std::optional<Identity> target, bool hidden) {
  if (link.target) {
    const auto at = by_target_.find({link.target->device, link.target->inode});
    auto& [shown, not_shown] = at->second;
    (link.hidden ? not_shown : shown).erase(link.place);
    if (shown.empty() && not_shown.empty()) by_target_.erase(at);
  }
  link.target = target;
  link.hidden = hidden;
  if (!target) return;
  auto& [shown, not_shown] = by_target_[{target->device, target->inode}];
  (hidden ? not_shown : shown).insert(link.place);
}

// The links that are hidden may be shown as links now. What is shown stays.
void FollowedLinks::gained(Identity directory) {
  if (by_target_.empty()) return;
  const auto links = by_target_.find({directory.device, directory.inode});
  if (links == by_target_.end()) return;
  const std::set<DirEntry>& hidden = links->second.hidden;
  unchecked_.insert(hidden.begin(), hidden.end());
}

// One of the links that are shown may lead to the directory now.
void FollowedLinks::lost(Identity directory) {
  if (by_target_.empty()) return;
  const Target target{directory.device, directory.inode};
  const auto links = by_target_.find(target);
  if (links != by_target_.end() && !links->second.shown.empty()) lost_[target] = {};
}

bool FollowedLinks::has_directory(Identity identity) const {
  for (std::size_t i = 0; i < tree_.links(identity); ++i) {
    if (tree_.is_directory(tree_.link_at(identity, i))) return true;
  }
  return false;
}

void FollowedLinks::take_of_lost() {
  for (auto at = lost_.begin(); at != lost_.end();) {
    const auto& [device, inode] = at->first;
    auto& [last, next] = at->second;
    const auto links = by_target_.find(at->first);
    if (links == by_target_.end() || has_directory({device, inode})) {
      at = lost_.erase(at);
      continue;
    }
    const std::set<DirEntry>& shown = links->second.shown;
    auto link = shown.upper_bound(last);
    for (std::size_t i = 0; i < next && link != shown.end(); ++i) {
      last = *link++;
      unchecked_.insert(last);
    }
    next *= 2;
    at = link == shown.end() ? lost_.erase(at) : std::next(at);
  }
}

void FollowedLinks::set_real(Link& link, std::string real) {
  if (link.real && (*link.real)->first == real) return;
  if (link.real) by_real_.erase(*std::exchange(link.real, std::nullopt));
  if (!real.empty()) link.real = by_real_.emplace(std::move(real), &link);
}

// The directory that the tree has where a link is.
NodeId FollowedLinks::directory_at(const DirEntry& place) const {
  if (!tree_.alive(place.first) || !tree_.is_directory(place.first)) return kNoNode;
  const NodeId known = tree_.child(place.first, place.second);
  return known != kNoNode && tree_.is_directory(known) ? known : kNoNode;
}

std::vector<std::pair<NodeId, std::string>> FollowedLinks::mounted(
    const std::vector<std::string>& places) {
  std::map<std::string, std::vector<std::string>> below;  // the places below where links lead
  for (const std::string& place : places) {
    const auto [first, last] = by_real_.equal_range(place);
    for (auto entry = first; entry != last; ++entry) unchecked_.insert(entry->second->place);
    if (by_real_.empty()) continue;
    for (std::string at = place; at != "/";) {
      at = parent_of(at);
      if (by_real_.contains(at)) below[at].push_back(place.substr(at == "/" ? 1 : at.size() + 1));
    }
  }
  std::vector<std::pair<NodeId, std::string>> above;
  for (const auto& [real, paths] : below) {
    const auto [first, last] = by_real_.equal_range(real);
    for (auto entry = first; entry != last; ++entry) {
      ++looked_at_;
      const NodeId directory = directory_at(entry->second->place);
      if (directory == kNoNode) continue;
      for (const std::string& path : paths) above.emplace_back(directory, path);
    }
  }
  return above;
}

// Of the refused links, returns as many as there is room for whatever their paths are. The others
// follow in the next rounds.
std::vector<DirEntry> FollowedLinks::take_unchecked() {
  take_of_lost();
  for (auto room = this->room(); any_refused() && room > 0; room -= kMostStepsOfPath) {
    unchecked_.insert(refused_.extract(refused_.begin()));
  }
  std::vector<DirEntry> places;
  for (const DirEntry& place : std::exchange(unchecked_, {})) {
    if (tree_.alive(place.first) && tree_.is_directory(place.first)) {
      places.push_back(place);
    } else {
      forget(place);
    }
  }
  return places;
}

}  // namespace lookout
