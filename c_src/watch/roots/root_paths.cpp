#include "watch/roots/root_paths.h"

#include <algorithm>
#include <cerrno>
#include <utility>
#include <variant>

#include "watch/disk/path_walk.h"
#include "watch/disk/remote_calls.h"

namespace lookout {
namespace {

// How often to resolve a root that comes and goes before a timer tries again.
constexpr int kMaxRootAttempts = 3;

}  // namespace

bool is_gone(const Error& error) {
  return error.code == ENOENT || error.code == ENOTDIR || error.code == ELOOP;
}

class RootPaths::Follower : public PathFollower {
 public:
  Follower(RootPaths& owner, Root& root) : owner_(owner), root_(root) {}
  ~Follower() override { owner_.paths_.unfollow(*this); }
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;
  void path_changed() override { owner_.checks_.add(root_.shared_from_this()); }

 private:
  RootPaths& owner_;
  Root& root_;
};

RootPointer RootPaths::make_root(const std::string& path, const WatchOptions& options,
                                 const Filter& filter) {
  auto root = std::make_shared<Root>();
  root->path = path;
  root->options = options;
  root->filter = filter;
  root->follower = std::make_unique<Follower>(*this, *root);
  return root;
}

Result<Target> RootPaths::probe(const std::string& path) const {
  return lookout::probe(mounts_, path);
}

// Follows the path first and checks what exists there second. An entry that left the end of the
// path between the two had no watch there, so the path is followed again.
Result<Target> RootPaths::resolve(const RootPointer& root) {
  checks_.begin(root);
  for (int attempt = 1;; ++attempt) {
    auto resolution = paths_.follow(*root->follower, root->path);
    Result<Target> found = probe(root->path);
    const Error* error = std::get_if<Error>(&found);
    const bool changed = error != nullptr && is_gone(*error) && resolution.exists;
    if (changed && attempt < kMaxRootAttempts) continue;
    if (const Target* target = std::get_if<Target>(&found);
        target != nullptr && root->node == kNoNode &&
        !tree_.has_room(target->directory, target->identity.device)) {
      found = errno_error(EOVERFLOW, "watch", root->path);
    }
    if (changed || !resolution.stable) {
      // A server may give such answers for ever, which nothing may wait for.
      if (mounts_.at(resolution.real)) {
        checks_.set_unwatched(root);
      } else {
        checks_.set_transient(root);
      }
    }
    const NodeId directory = directory_of(*root);
    const Backend backend = root->options.backend;
    if (!resolution.watched || backend == Backend::poll || backend == Backend::fswatch ||
        (directory != kNoNode && tree_.has(directory, DirMark::polled))) {
      checks_.set_unwatched(root);
    }
    set_real(root, resolution.exists ? std::move(resolution.real) : std::string());
    return found;
  }
}

void RootPaths::forget(const RootPointer& root) {
  set_real(root, {});
  paths_.unfollow(*root->follower);
}

void RootPaths::set_real(const RootPointer& root, std::string real) {
  if (root->real == real) return;
  const auto [first, last] = by_real_.equal_range(root->real);
  const auto known =
      std::find_if(first, last, [&](const auto& entry) { return entry.second == root; });
  if (known != last) by_real_.erase(known);
  root->real = std::move(real);
  if (!root->real.empty()) by_real_.emplace(root->real, root);
}

NodeId RootPaths::directory_of(const Root& root) const {
  if (root.node != kNoNode) return root.node;
  const NodeId node = root.joined ? root.base->node : roots_.resolve(root.path);
  return node == kNoNode || tree_.is_directory(node) ? node : tree_.parent(node);
}

// The path without symbolic links; empty if nothing exists there, or the file system does not
// answer.
std::string RootPaths::real_path(const std::string& path) const {
  return path.empty() ? std::string() : mounts_.resolve(path).real;
}

bool RootPaths::is_linked(const Root& outer, const Root& inner) const {
  for (std::string at = inner.path; is_path_below(at, outer.path); at = parent_of(at)) {
    const std::string directory = real_path(parent_of(at));
    const auto step = mounts_.step(join(directory, at.substr(at.rfind('/') + 1)));
    if (!directory.empty() && step && step->kind == PathStep::Kind::link) return true;
  }
  return false;
}

bool RootPaths::is_covered(const Root& root) const {
  return roots_.covered(
      root, [this](const Root& outer, const Root& inner) { return is_linked(outer, inner); });
}

void RootPaths::mounted(const std::string& place, bool changed) {
  if (changed) {
    paths_.invalidate(place);
    return;
  }
  paths_.verify(place);
  const auto [first, last] = by_real_.equal_range(place);
  for (auto entry = first; entry != last; ++entry) checks_.add(entry->second);
}

std::vector<RootPaths::Below> RootPaths::roots_above(const std::string& place) const {
  std::vector<Below> above;
  for (std::string at = place; at != "/";) {
    at = parent_of(at);
    const auto [first, last] = by_real_.equal_range(at);
    for (auto entry = first; entry != last; ++entry) {
      const NodeId node = entry->second->node;
      if (node != kNoNode) above.push_back({node, path_below(place, at)});
    }
  }
  return above;
}

std::vector<Fswatch::WatchedPath> RootPaths::fswatched() const {
  std::vector<Fswatch::WatchedPath> places;
  for (const RootPointer& root : roots_.all()) {
    if (root->options.backend != Backend::fswatch || root->node == kNoNode || root->removed) {
      continue;
    }
    if (!root->real.empty()) places.push_back({root->real, root->target.identity.inode});
  }
  return places;
}

std::vector<RootPaths::Below> RootPaths::printed(const std::string& path) const {
  std::vector<Below> concerned;
  for (const RootPointer& root : roots_.all()) {
    if (root->options.backend != Backend::fswatch || root->node == kNoNode) continue;
    if (!root->real.empty() && is_path_below(path, root->real)) {
      concerned.push_back({root->node, path_below(path, root->real)});
    }
  }
  return concerned;
}

}  // namespace lookout
