#include "watch/reconcile/followed_links.h"

#include <algorithm>
#include <climits>
#include <iterator>
#include <utility>

#include "watch/disk/path_walk.h"

namespace lookout {
namespace {

// PathWatches keeps each component by its path, so a link takes the bytes of all beginnings of its
// path, and these twice. A longer path has no watches.
std::int64_t bytes_of_link(std::int64_t components, std::size_t path) {
  constexpr std::int64_t kComponent = 48;
  return components *
         (kComponent + static_cast<std::int64_t>(std::min<std::size_t>(path, PATH_MAX)));
}

}  // namespace

std::optional<PathWatches::Resolution> FollowedLinks::follow(const DirEntry& entry,
                                                             const std::string& path) {
  const auto known = links_.find(entry);
  if (remaining_bytes() + (known == links_.end() ? 0 : known->second->bytes) <= 0) {
    forget(entry);
    refused_.insert(entry);
    return std::nullopt;
  }
  refused_.erase(entry);
  auto& link = links_[entry];
  if (!link) link = std::make_unique<Link>(*this, entry);
  auto resolution = paths_.follow(*link, path, true);
  const std::size_t longest = std::max(path.size(), resolution.real.size());
  const std::int64_t bytes = bytes_of_link(resolution.steps, longest);
  bytes_ += bytes - std::exchange(link->bytes, bytes);
  resolved_ += static_cast<std::uint64_t>(resolution.steps);
  set_real(*link, resolution.exists ? resolution.real : std::string());
  set_target(*link, std::nullopt);
  return resolution;
}

void FollowedLinks::forget(const DirEntry& entry) {
  refused_.erase(entry);
  const auto link = links_.find(entry);
  if (link == links_.end()) return;
  set_target(*link->second, std::nullopt);
  set_real(*link->second, {});
  bytes_ -= link->second->bytes;
  links_.erase(link);
}

void FollowedLinks::forget_directory(NodeId directory) {
  directory_removed(tree_.identity(directory));
  const DirEntry first{directory, ""};
  for (auto at = links_.lower_bound(first); at != links_.end() && at->first.first == directory;) {
    forget(DirEntry((at++)->first));
  }
  auto end = refused_.lower_bound(first);
  while (end != refused_.end() && end->first == directory) ++end;
  refused_.erase(refused_.lower_bound(first), end);
}

void FollowedLinks::set_reported_as_link(const DirEntry& entry, Identity target) {
  set_target(entry, target, false);
}

void FollowedLinks::set_invisible(const DirEntry& entry, Identity target) {
  set_target(entry, target, true);
}

void FollowedLinks::set_target(const DirEntry& entry, Identity target, bool invisible) {
  const auto link = links_.find(entry);
  if (link != links_.end()) set_target(*link->second, target, invisible);
}

void FollowedLinks::set_target(Link& link, std::optional<Identity> target, bool invisible) {
  if (link.target) {
    const auto at = by_target_.find({link.target->device, link.target->inode});
    auto& links = at->second;
    (link.invisible ? links.invisible : links.as_links).erase(link.entry);
    if (links.as_links.empty() && links.invisible.empty()) by_target_.erase(at);
  }
  link.target = target;
  link.invisible = invisible;
  if (!target) return;
  auto& links = by_target_[{target->device, target->inode}];
  (invisible ? links.invisible : links.as_links).insert(link.entry);
}

// The links to invisible directories may be reported as links now. The others do not change.
void FollowedLinks::directory_added(Identity directory) {
  if (by_target_.empty()) return;
  const auto links = by_target_.find({directory.device, directory.inode});
  if (links == by_target_.end()) return;
  const std::set<DirEntry>& invisible = links->second.invisible;
  unchecked_.insert(invisible.begin(), invisible.end());
}

// One of the links that are reported as links may be reported as the directory now.
void FollowedLinks::directory_removed(Identity directory) {
  if (by_target_.empty()) return;
  const Target target{directory.device, directory.inode};
  const auto links = by_target_.find(target);
  if (links != by_target_.end() && !links->second.as_links.empty()) removed_[target] = {};
}

bool FollowedLinks::has_directory(Identity identity) const {
  for (std::size_t i = 0; i < tree_.links(identity); ++i) {
    if (tree_.is_directory(tree_.link_at(identity, i))) return true;
  }
  return false;
}

void FollowedLinks::take_links_to_removed() {
  for (auto at = removed_.begin(); at != removed_.end();) {
    const auto& [device, inode] = at->first;
    auto& [last, next] = at->second;
    const auto links = by_target_.find(at->first);
    if (links == by_target_.end() || has_directory({device, inode})) {
      at = removed_.erase(at);
      continue;
    }
    const std::set<DirEntry>& as_links = links->second.as_links;
    auto link = as_links.upper_bound(last);
    for (std::size_t i = 0; i < next && link != as_links.end(); ++i) {
      last = *link++;
      unchecked_.insert(last);
    }
    next *= 2;
    at = link == as_links.end() ? removed_.erase(at) : std::next(at);
  }
}

void FollowedLinks::set_real(Link& link, std::string real) {
  if (link.real && (*link.real)->first == real) return;
  if (link.real) by_real_.erase(*std::exchange(link.real, std::nullopt));
  if (!real.empty()) link.real = by_real_.emplace(std::move(real), &link);
}

// Returns the directory that the tree has at the path of a link.
NodeId FollowedLinks::directory_at(const DirEntry& entry) const {
  if (!tree_.alive(entry.first) || !tree_.is_directory(entry.first)) return kNoNode;
  const NodeId known = tree_.child(entry.first, entry.second);
  return known != kNoNode && tree_.is_directory(known) ? known : kNoNode;
}

std::vector<std::pair<NodeId, std::string>> FollowedLinks::mounted(
    const std::vector<std::string>& paths) {
  std::map<std::string, std::vector<std::string>> below;  // by the target above them
  for (const std::string& path : paths) {
    const auto [first, last] = by_real_.equal_range(path);
    for (auto link = first; link != last; ++link) unchecked_.insert(link->second->entry);
    if (by_real_.empty()) continue;
    for (std::string at = path; at != "/";) {
      at = parent_of(at);
      if (by_real_.contains(at)) below[at].push_back(path.substr(at == "/" ? 1 : at.size() + 1));
    }
  }
  std::vector<std::pair<NodeId, std::string>> above;
  for (const auto& [real, rests] : below) {
    const auto [first, last] = by_real_.equal_range(real);
    for (auto link = first; link != last; ++link) {
      ++visited_;
      const NodeId directory = directory_at(link->second->entry);
      if (directory == kNoNode) continue;
      for (const std::string& rest : rests) above.emplace_back(directory, rest);
    }
  }
  return above;
}

// Of the refused links, returns only as many as fit into the limit if each has the longest path
// that is resolved. The others follow in the next rounds.
std::vector<DirEntry> FollowedLinks::take_unchecked() {
  take_links_to_removed();
  for (auto left = remaining_bytes(); any_refused() && left > 0;
       left -= bytes_of_link(kMaxStepsOfPath, PATH_MAX)) {
    unchecked_.insert(refused_.extract(refused_.begin()));
  }
  std::vector<DirEntry> unchecked;
  for (const DirEntry& entry : std::exchange(unchecked_, {})) {
    if (tree_.alive(entry.first) && tree_.is_directory(entry.first)) {
      unchecked.push_back(entry);
    } else {
      forget(entry);
    }
  }
  return unchecked;
}

}  // namespace lookout
