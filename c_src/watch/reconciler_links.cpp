// Symbolic links that are followed: one that leads to a directory stands for it.
//
// A directory is told once. A link to one that is told already stays a link, so that links in a
// circle, or many to the same directory, come to an end; when that one goes, the links are looked
// at again. One that turns up where it stands itself is told there, and a link no longer stands for
// it, unless it was only reached through that link. What a link leads to depends on every step of
// its way, so all of them are watched.
#include <cerrno>
#include <utility>

#include "watch/reconciler.h"

namespace lookout {

bool Reconciler::follows(NodeId directory) const {
  if (!following_) return false;
  const auto root = roots_.find(tree_.root_of(directory));
  return root != roots_.end() && root->second.follow_symlinks;
}

// The directory that a link leads to, or the link itself where it is not followed.
std::variant<Look, int> Reconciler::follow(const Place& place, const DirectoryFd& fd,
                                           const Look& link) {
  const auto& [directory, name] = place;
  const std::string path = tree_.path(directory) + '/' + name;
  auto& followed = links_[place];
  if (!followed) followed = std::make_unique<FollowedLink>(*this, place);
  // Watched first and checked second, as any directory.
  const auto resolution = paths_.follow(*followed, path, true);
  followed->real = resolution.whole ? resolution.real : std::string();
  report_elsewhere(*followed, std::nullopt);
  // No event reports that the path of this link leads elsewhere: it is checked again by polling.
  if (!resolution.watched || !resolution.settled) failed_names_.insert(place);
  auto looked = look_through(mounts_, fd, name);
  const Look* target = std::get_if<Look>(&looked);
  if (target == nullptr) {
    const int code = std::get<int>(looked);
    // Nor that a directory on the path may be searched by now.
    if (code == EACCES) failed_names_.insert(place);
    return is_passing(code) || code == ETIMEDOUT ? looked : link;
  }
  if (target->type != EntryType::directory) return link;
  const NodeId known = tree_.child(directory, name);
  const bool stays =
      known != kNoNode && tree_.is_directory(known) && tree_.identity(known) == target->identity;
  if (is_told_elsewhere(known, target->identity, stays)) {
    report_elsewhere(*followed, target->identity);
    return link;
  }
  return *target;
}

// Whether a directory stands in the tree at another place than `known`, which `stays` what it is if
// only another link leads there as well. What was reached through a link that is gone does not.
bool Reconciler::is_told_elsewhere(NodeId known, Identity target, bool stays) {
  for (const NodeId node : tree_.with_identity(target)) {
    if (node == known || !tree_.is_directory(node)) continue;
    if (tree_.has(node, DirMark::linked) ? !stays && stands(node, 0)
                                         : !stays || !tree_.is_below(node, known)) {
      return true;
    }
  }
  return false;
}

// A directory stands in the tree by itself: links to it are looked at again.
void Reconciler::unfollow(NodeId directory) {
  if (!following_) return;
  if (!links_by_target_.empty()) doubt_links_to(tree_.identity(directory));
  for (const NodeId node : tree_.with_identity(tree_.identity(directory))) {
    if (!tree_.is_directory(node) || !tree_.has(node, DirMark::linked)) continue;
    next_.add(tree_.parent(node), tree_.name(node), 0);
  }
}

// A directory whose entries are not told is hinted at by the one that it is in; where a link leads
// there, it is watched itself. Watched first and looked at second.
void Reconciler::watch_opaque(NodeId directory) {
  if (!tree_.has(directory, DirMark::linked) || tree_.watch(directory) >= 0 ||
      tree_.has(directory, DirMark::polled)) {
    return;
  }
  const DirtyName link{tree_.parent(directory), std::string(tree_.name(directory)), 0};
  const auto opened = directories_.open(directory);
  if (const auto* failure = std::get_if<OpenFailure>(&opened)) {
    if (failure->kind == OpenFailure::Kind::moved || is_passing(failure->code)) {
      later_names_.push_back(link);
    } else {
      failed_.insert(link.directory);
    }
  } else if (watch_directory(directory, std::get<DirectoryFd>(opened))) {
    next_.add(link.directory, link.name, 0);
  }
}

// Notes the directory that a link leads to and that another place reports.
void Reconciler::report_elsewhere(FollowedLink& link, std::optional<Identity> target) {
  if (link.target) {
    const auto links = links_by_target_.find({link.target->device, link.target->inode});
    links->second.erase(link.place);
    if (links->second.empty()) links_by_target_.erase(links);
  }
  link.target = target;
  if (target) links_by_target_[{target->device, target->inode}].insert(link.place);
}

// The tree loses a directory: links that lead to it may be followed from now on.
void Reconciler::doubt_links_to(Identity directory) {
  const auto links = links_by_target_.find({directory.device, directory.inode});
  if (links != links_by_target_.end()) {
    doubted_links_.insert(links->second.begin(), links->second.end());
  }
}

void Reconciler::take_doubted_links() {
  for (const Place& place : std::exchange(doubted_links_, {})) {
    const auto& [directory, name] = place;
    if (tree_.alive(directory) && tree_.is_directory(directory)) {
      next_.add(directory, name, 0);
    } else {
      unfollow_link(place);
    }
  }
}

void Reconciler::unfollow_link(const Place& place) {
  const auto link = links_.find(place);
  if (link == links_.end()) return;
  report_elsewhere(*link->second, std::nullopt);
  links_.erase(link);
}

void Reconciler::mounted_behind_links(const std::string& place) {
  for (const auto& [at, link] : links_) {
    const auto& real = link->real;
    if (place == real) doubted_links_.insert(at);
    if (real.empty() || !place.starts_with(real) || place.size() <= real.size() + 1) continue;
    if (real != "/" && place[real.size()] != '/') continue;
    if (!tree_.alive(at.first) || !tree_.is_directory(at.first)) continue;
    const NodeId known = tree_.child(at.first, at.second);
    if (known == kNoNode || !tree_.is_directory(known)) continue;
    touch_below(known, place.substr(real == "/" ? 1 : real.size() + 1));
  }
}

// Learns a link that a crawl has met; false when there is none left.
bool Reconciler::learn_link() {
  if (crawled_links_.empty()) return false;
  const auto [directory, name] = std::move(crawled_links_.back());
  crawled_links_.pop_back();
  if (tree_.alive(directory) && tree_.is_directory(directory) &&
      tree_.child(directory, name) == kNoNode) {
    learn(directory, name);
  }
  return true;
}

}  // namespace lookout
