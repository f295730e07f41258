#include "watch/roots/roots.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

#include "support/fd_link.h"
#include "watch/disk/confinement.h"
#include "watch/disk/path_walk.h"
#include "watch/disk/remote_answer.h"

namespace lookout {
namespace {

// The components of `path` below `above`.
std::vector<std::string_view> parts_below(std::string_view path, std::string_view above) {
  std::vector<std::string_view> parts;
  std::string_view remaining = path.substr(above == "/" ? 0 : above.size());
  while (!remaining.empty()) {
    remaining.remove_prefix(1);
    const std::size_t slash = std::min(remaining.find('/'), remaining.size());
    parts.push_back(remaining.substr(0, slash));
    remaining.remove_prefix(slash);
  }
  return parts;
}

}  // namespace

namespace {

// As probe(), where watching is confined.
Result<Target> probe_allowed(const std::string& path) {
  const AllowedPath opened = open_allowed(path);
  if (opened.outside) return not_allowed(path);
  struct stat seen {};
  if (opened.code != 0 || ::fstat(opened.fd.get(), &seen) != 0) {
    return errno_error(opened.code != 0 ? opened.code : errno, "open", path);
  }
  if (!S_ISDIR(seen.st_mode)) {
    const std::size_t slash = path.rfind('/');
    auto above = probe_allowed(slash == 0 ? "/" : path.substr(0, slash));
    if (auto* target = std::get_if<Target>(&above)) {
      target->linked = ::lstat(path.c_str(), &seen) == 0 && S_ISLNK(seen.st_mode);
      target->only = path.substr(slash + 1);
    }
    return above;
  }
  const UniqueFd readable(
      ::open(fd_link(opened.fd.get()).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!readable) return errno_error(errno, "open", path);
  return Target{path, {}, {seen.st_dev, seen.st_ino}, false};
}

}  // namespace

Result<Target> probe(const std::string& path) {
  if (is_confined()) return probe_allowed(path);
  struct stat seen {};
  if (::stat(path.c_str(), &seen) != 0) return errno_error(errno, "open", path);
  Target target{path, {}, {}, false};
  if (!S_ISDIR(seen.st_mode)) {
    target.linked = ::lstat(path.c_str(), &seen) == 0 && S_ISLNK(seen.st_mode);
    const std::size_t slash = path.rfind('/');
    target.directory = slash == 0 ? "/" : path.substr(0, slash);
    target.only = path.substr(slash + 1);
  }
  const UniqueFd fd(::open(target.directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fstat(fd.get(), &seen) != 0) {
    return errno_error(errno, "open", target.directory);
  }
  target.identity = {seen.st_dev, seen.st_ino};
  return target;
}

namespace {

// As probe(), for a path that leads to a local file system: what follows the path again might be
// led to a remote one.
Result<Target> probe_local(const RemoteMounts& mounts, const std::string& path,
                           const RemoteMounts::Resolved& resolved) {
  if (resolved.real.empty()) return errno_error(resolved.missing, "open", path);
  struct stat seen {};
  const UniqueFd end = open_without_links(resolved.real, O_PATH | O_CLOEXEC);
  if (!end || ::fstat(end.get(), &seen) != 0) return errno_error(errno, "open", path);
  if (!S_ISDIR(seen.st_mode)) {
    auto above = probe(mounts, parent_of(path));
    if (auto* target = std::get_if<Target>(&above)) {
      target->only = path.substr(path.rfind('/') + 1);
      const std::string directory = mounts.resolve(parent_of(path)).real;
      const auto step = mounts.step(join(directory, target->only));
      target->linked = !directory.empty() && step && step->kind == PathStep::Kind::link;
    }
    return above;
  }
  const UniqueFd fd = open_without_links(resolved.real, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (!fd || ::fstat(fd.get(), &seen) != 0) return errno_error(errno, "open", path);
  return Target{path, {}, {seen.st_dev, seen.st_ino}, false};
}

}  // namespace

Result<Target> probe(const RemoteMounts& mounts, const std::string& path) {
  if (mounts.none()) return probe(path);
  const RemoteMounts::Resolved resolved = mounts.resolve(path);
  if (resolved.code != 0) return errno_error(resolved.code, "open", path);
  if (!resolved.mount && !is_confined()) return probe_local(mounts, path, resolved);
  if (!resolved.mount) return probe(path);
  const auto found = resolved.mount->ask("probe " + path, [path] {
    Result<Target> target = probe(path);
    if (auto* const error = std::get_if<Error>(&target)) error->code = answered(error->code);
    return target;
  });
  return found ? *found : errno_error(resolved.mount->code(), "open", path);
}

std::string path_below(const std::string& path, const std::string& above) {
  return path.substr(above == "/" ? 1 : above.size() + 1);
}

bool is_path_below(const std::string& path, const std::string& above) {
  if (above == "/") return path.size() > 1;
  return path.size() > above.size() && path.starts_with(above) && path[above.size()] == '/';
}

Roots::Pointer Roots::find(const std::string& path) const {
  const auto [first, last] = by_path_.equal_range(path);
  const auto found = std::find_if(first, last, [](const auto& entry) {
    return !entry.second->removed && !entry.second->is_base;
  });
  return found == last ? nullptr : found->second;
}

Roots::Pointer Roots::find(NodeId node) const {
  const auto found = by_node_.find(node);
  return found == by_node_.end() ? nullptr : found->second;
}

Roots::Pointer Roots::find(Root::Phase phase) const {
  return any(phase) ? *in(phase).begin() : nullptr;
}

Roots::Pointer Roots::base(const std::string& directory, const WatchOptions& options) const {
  const auto [first, last] = by_path_.equal_range(directory);
  const auto found = std::find_if(first, last, [&](const auto& entry) {
    const Root& root = *entry.second;
    return root.is_base && !root.removed && root.options.backend == options.backend &&
           root.options.await == options.await;
  });
  return found == last ? nullptr : found->second;
}

std::vector<Roots::Pointer> Roots::at(const std::string& path) const {
  std::vector<Pointer> found;
  const auto [first, last] = by_path_.equal_range(path);
  for (auto entry = first; entry != last; ++entry) found.push_back(entry->second);
  return found;
}

std::vector<Roots::Pointer> Roots::above(const std::string& path, bool itself) const {
  std::vector<Pointer> found;
  if (itself) found = at(path);
  for (std::string above = path; above != "/" && !above.empty();) {
    above = parent_of(above);
    for (Pointer& root : at(above)) found.push_back(std::move(root));
  }
  return found;
}

std::vector<Roots::Pointer> Roots::below(const std::string& path) const {
  std::vector<Pointer> found;
  const std::string top = path == "/" ? path : path + '/';
  for (auto entry = by_path_.upper_bound(top);
       entry != by_path_.end() && entry->first.starts_with(top); ++entry) {
    found.push_back(entry->second);
  }
  std::sort(found.begin(), found.end(), ByLength());
  return found;
}

void Roots::add(Pointer root) {
  in(root->phase).insert(root);
  if (root->node != kNoNode) by_node_[root->node] = root;
  by_path_.emplace(root->path, root);
  all_.insert(std::move(root));
}

void Roots::remove(const Pointer& root) {
  const Pointer kept = root;
  if (all_.erase(kept) == 0) return;
  in(kept->phase).erase(kept);
  by_node_.erase(kept->node);
  const auto [first, last] = by_path_.equal_range(kept->path);
  by_path_.erase(
      std::find_if(first, last, [&](const auto& entry) { return entry.second == kept; }));
}

void Roots::enter(const Pointer& root, Root::Phase phase) {
  in(root->phase).erase(root);
  root->phase = phase;
  in(phase).insert(root);
}

void Roots::set_node(const Pointer& root, NodeId node) {
  by_node_.erase(root->node);
  root->node = node;
  if (node != kNoNode) by_node_[node] = root;
}

bool Roots::covers(const Root& outer, const Root& root, const IsLinked& is_linked) const {
  const bool known = outer.phase == Root::Phase::reported ||
                     outer.phase == Root::Phase::unreported ||
                     outer.phase == Root::Phase::reporting;
  if (!known || outer.removed || outer.is_base) return false;
  const EntryType type = root.target.only.empty() ? EntryType::directory : EntryType::file;
  std::vector<std::string_view> parts = parts_below(root.path, outer.path);
  if (!outer.options.recursive && (type == EntryType::directory || parts.size() > 1)) return false;
  NodeId at = outer.node;
  for (auto part = parts.begin(); part != parts.end(); ++part) {
    const NodeId child = tree_.child(at, *part);
    // An entry that is neither a directory nor a link has been replaced, or nothing exists below
    // it.
    const bool last = part + 1 == parts.end();
    const bool blocked = child != kNoNode && !last && !tree_.is_directory(child);
    if (child == kNoNode || blocked) {  // will it be reported when it appears?
      if (blocked && is_linked(outer, root)) return false;
      parts.erase(parts.begin(), part);
      return visibility_.shows_path(at, parts, type);
    }
    at = child;
  }
  return tree_.is_directory(at) || type == EntryType::file || !is_linked(outer, root);
}

bool Roots::may_show(const Root& outer, const Root& inner) const {
  const EntryType type = inner.target.only.empty() ? EntryType::directory : EntryType::file;
  return visibility_.shows_path(outer.node, parts_below(inner.path, outer.path), type);
}

bool Roots::covered(const Root& root, const IsLinked& is_linked) const {
  const std::vector<Pointer> outer = above(root.path, false);
  return std::any_of(outer.begin(), outer.end(),
                     [&](const Pointer& other) { return covers(*other, root, is_linked); });
}

bool Roots::is_nested(const Root& root) const {
  const auto any_at = [&](const std::string& path) {
    const auto [first, last] = by_path_.equal_range(path);
    return std::any_of(first, last, [&](const auto& entry) {
      return entry.second.get() != &root && !entry.second->is_base;
    });
  };
  if (root.is_base && any_at(root.path)) return true;
  for (std::string above = root.path; above != "/" && !above.empty();) {
    above = parent_of(above);
    if (any_at(above)) return true;
  }
  return false;
}

NodeId Roots::resolve(const std::string& path) const {
  // An inner root with a node of its own has entries that an outer one may not have.
  for (const Pointer& root : above(path, true)) {
    if (root->node == kNoNode || root->phase == Root::Phase::crawling) continue;
    if (path == root->path) {
      if (root->is_base) continue;
      return root->node;
    }
    NodeId at = root->node;
    for (const std::string_view part : parts_below(path, root->path)) {
      at = at != kNoNode && tree_.is_directory(at) ? tree_.child(at, part) : kNoNode;
    }
    if (at != kNoNode) return at;
  }
  return kNoNode;
}

}  // namespace lookout
