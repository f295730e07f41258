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
  // Watched first and looked at second, as any directory.
  const std::string path = tree_.path(directory) + '/' + name;
  if (links_.insert(place).second) places_.follow(path);
  auto looked = look_through(mounts_, fd, name);
  // What has left the end of the way is not watched for there yet.
  if (std::holds_alternative<int>(looked) && places_.follow(path)) {
    looked = look_through(mounts_, fd, name);
  }
  const Look* target = std::get_if<Look>(&looked);
  if (target == nullptr) {
    const int code = std::get<int>(looked);
    return is_passing(code) || code == ETIMEDOUT ? looked : link;
  }
  if (target->type != EntryType::directory) return link;
  const NodeId known = tree_.child(directory, name);
  const bool stays =
      known != kNoNode && tree_.is_directory(known) && tree_.identity(known) == target->identity;
  if (is_told_elsewhere(known, target->identity, stays)) return link;
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

void Reconciler::doubt_links() {
  std::erase_if(links_, [this](const Place& place) {
    return !tree_.alive(place.first) || !tree_.is_directory(place.first);
  });
  for (const auto& [directory, name] : links_) next_.add(directory, name, 0);
}

void Reconciler::watch_links() {
  for (const auto& [directory, name] : links_) {
    if (tree_.alive(directory) && tree_.is_directory(directory)) {
      places_.follow(tree_.path(directory) + '/' + name);
    }
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
