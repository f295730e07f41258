#include "watch/reconcile/followed_links.h"

namespace lookout {

PathWatches::Resolution FollowedLinks::follow(const DirEntry& place, const std::string& path) {
  auto& link = links_[place];
  if (!link) link = std::make_unique<Link>(*this, place);
  auto resolution = paths_.follow(*link, path, true);
  link->real = resolution.whole ? resolution.real : std::string();
  set_target(*link, std::nullopt);
  return resolution;
}

void FollowedLinks::forget(const DirEntry& place) {
  const auto link = links_.find(place);
  if (link == links_.end()) return;
  set_target(*link->second, std::nullopt);
  links_.erase(link);
}

void FollowedLinks::set_target(const DirEntry& place, Identity target) {
  const auto link = links_.find(place);
  if (link != links_.end()) set_target(*link->second, target);
}

void FollowedLinks::set_target(Link& link, std::optional<Identity> target) {
  if (link.target) {
    const auto links = by_target_.find({link.target->device, link.target->inode});
    links->second.erase(link.place);
    if (links->second.empty()) by_target_.erase(links);
  }
  link.target = target;
  if (target) by_target_[{target->device, target->inode}].insert(link.place);
}

void FollowedLinks::recheck_links_to(Identity directory) {
  if (by_target_.empty()) return;
  const auto links = by_target_.find({directory.device, directory.inode});
  if (links != by_target_.end()) unchecked_.insert(links->second.begin(), links->second.end());
}

std::vector<std::pair<NodeId, std::string>> FollowedLinks::mounted(const std::string& place) {
  std::vector<std::pair<NodeId, std::string>> above;
  for (const auto& [at, link] : links_) {
    const auto& real = link->real;
    if (place == real) unchecked_.insert(at);
    if (real.empty() || !place.starts_with(real) || place.size() <= real.size() + 1) continue;
    if (real != "/" && place[real.size()] != '/') continue;
    if (!tree_.alive(at.first) || !tree_.is_directory(at.first)) continue;
    const NodeId known = tree_.child(at.first, at.second);
    if (known == kNoNode || !tree_.is_directory(known)) continue;
    above.emplace_back(known, place.substr(real == "/" ? 1 : real.size() + 1));
  }
  return above;
}

std::vector<DirEntry> FollowedLinks::take_unchecked() {
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
