// Follows symbolic links: a link that leads to a directory is reported as that directory.
//
// A directory is reported at one place only. A link to a directory that is already reported stays a
// link, so that circular links, or many links to the same directory, come to an end. When that
// directory is deleted, the links to it are checked again. When the directory that a link was
// reported as turns up at its own place, it is reported there, and the link is a link again, unless
// that place was only reached through the link. Where a link leads depends on every component of
// its path, so all of them are watched.
#include <cerrno>
#include <utility>

#include "watch/reconciler.h"
#include "watch/way.h"

namespace lookout {

// Returns the directory that a link leads to, or the link itself if it is not followed.
std::variant<Look, int> Reconciler::follow(const Place& place, const DirectoryFd& fd,
                                           const Look& link) {
  const auto& [directory, name] = place;
  const std::string path = join(tree_.path(directory), name);
  auto& followed = links_[place];
  if (!followed) followed = std::make_unique<FollowedLink>(*this, place);
  // The watches come before the check, as for any directory.
  const auto resolution = paths_.follow(*followed, path, true);
  followed->real = resolution.whole ? resolution.real : std::string();
  report_elsewhere(*followed, std::nullopt);
  // No event reports when the path of this link leads elsewhere: polling checks it again.
  if (!resolution.watched || !resolution.settled) retries_.add_failed(place);
  auto looked = look_through(mounts_, fd, name);
  const Look* target = std::get_if<Look>(&looked);
  if (target == nullptr) {
    const int code = std::get<int>(looked);
    // Nor does an event report when a directory on the path becomes searchable.
    if (code == EACCES) retries_.add_failed(place);
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

// Whether the tree has the directory `target` at another place than `known`. If `known` is that
// directory already (`stays`), neither other links to it nor places below `known` count. A place
// that was reached through a link which is gone does not count either.
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

// The tree has a directory at its own place: links to it are checked again.
void Reconciler::unfollow(NodeId directory) {
  if (!roots_.any_follows()) return;
  if (!links_by_target_.empty()) doubt_links_to(tree_.identity(directory));
  for (const NodeId node : tree_.with_identity(tree_.identity(directory))) {
    if (!tree_.is_directory(node) || !tree_.has(node, DirMark::linked)) continue;
    next_.add(tree_.parent(node), tree_.name(node), 0);
  }
}

// The watch of the parent reports a directory whose entries are not reported. If a link leads to
// it, it needs a watch of its own; the check of the link comes after that watch.
void Reconciler::watch_opaque(NodeId directory) {
  if (!tree_.has(directory, DirMark::linked) || tree_.watch(directory) >= 0 ||
      tree_.has(directory, DirMark::polled)) {
    return;
  }
  const DirtyName link{tree_.parent(directory), std::string(tree_.name(directory)), 0};
  const auto opened = directories_.open(directory);
  if (const auto* failure = std::get_if<OpenFailure>(&opened)) {
    if (failure->kind == OpenFailure::Kind::moved || is_passing(failure->code)) {
      retries_.add_later(link);
    } else {
      retries_.add_failed(link.directory);
    }
  } else if (watch_directory(directory, std::get<DirectoryFd>(opened))) {
    next_.add(link.directory, link.name, 0);
  }
}

// Records the directory that a link leads to and that another place reports; nullopt removes the
// record.
void Reconciler::report_elsewhere(FollowedLink& link, std::optional<Identity> target) {
  if (link.target) {
    const auto links = links_by_target_.find({link.target->device, link.target->inode});
    links->second.erase(link.place);
    if (links->second.empty()) links_by_target_.erase(links);
  }
  link.target = target;
  if (target) links_by_target_[{target->device, target->inode}].insert(link.place);
}

// The tree loses or gains a directory: the links that lead to it are checked in the next round.
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

// Loads a link that a crawl has met. Returns false when none is left.
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
