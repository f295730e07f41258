#include "watch/roots.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

namespace lookout {
namespace {

// The parts of `path` below `above`, which it lies below.
std::vector<std::string_view> parts_below(std::string_view path, std::string_view above) {
  std::vector<std::string_view> parts;
  std::string_view rest = path.substr(above == "/" ? 0 : above.size());
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    parts.push_back(rest.substr(0, slash));
    rest.remove_prefix(slash);
  }
  return parts;
}

}  // namespace

Result<Target> probe(const std::string& path) {
  struct stat seen {};
  if (::stat(path.c_str(), &seen) != 0) return errno_error(errno, "open", path);
  Target target{path, {}, {}};
  if (!S_ISDIR(seen.st_mode)) {
    if (::lstat(path.c_str(), &seen) == 0 && S_ISLNK(seen.st_mode)) {
      return Error{"eopnotsupp", "open", path,
                   "this is a symbolic link to a single file; watch the file that it leads to"};
    }
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

bool is_path_below(const std::string& path, const std::string& above) {
  if (above == "/") return path.size() > 1;
  return path.size() > above.size() && path.starts_with(above) && path[above.size()] == '/';
}

Roots::Pointer Roots::find(const std::string& path) const {
  const auto found = std::find_if(roots_.begin(), roots_.end(), [&](const Pointer& root) {
    return root->path == path && !root->removed;
  });
  return found == roots_.end() ? nullptr : *found;
}

Roots::Pointer Roots::find(NodeId node) const {
  const auto found = std::find_if(roots_.begin(), roots_.end(),
                                  [&](const Pointer& root) { return root->node == node; });
  return found == roots_.end() ? nullptr : *found;
}

Roots::Pointer Roots::find(Root::Phase phase) const {
  if (!any(phase)) return nullptr;
  const auto found = std::find_if(roots_.begin(), roots_.end(),
                                  [&](const Pointer& root) { return root->phase == phase; });
  return found == roots_.end() ? nullptr : *found;
}

void Roots::add(Pointer root) {
  const auto place = std::upper_bound(
      roots_.begin(), roots_.end(), root,
      [](const Pointer& a, const Pointer& b) { return a->path.size() < b->path.size(); });
  ++count(root->phase);
  roots_.insert(place, std::move(root));
}

void Roots::remove(const Pointer& root) {
  if (std::erase(roots_, root) > 0) --count(root->phase);
}

void Roots::enter(Root& root, Root::Phase phase) {
  --count(root.phase);
  root.phase = phase;
  ++count(phase);
}

bool Roots::covered(const Root& root) const {
  return std::any_of(roots_.begin(), roots_.end(), [&](const Pointer& other) {
    const bool known = other->phase == Root::Phase::told || other->phase == Root::Phase::untold ||
                       other->phase == Root::Phase::telling;
    if (!known || other->removed || !other->target.only.empty() || !other->recursive) return false;
    if (!is_path_below(root.path, other->path)) return false;
    const EntryType type = root.target.only.empty() ? EntryType::directory : EntryType::file;
    std::vector<std::string_view> parts = parts_below(root.path, other->path);
    NodeId at = other->node;
    for (auto part = parts.begin(); part != parts.end(); ++part) {
      if (!tree_.is_directory(at)) return false;
      const NodeId child = tree_.child(at, *part);
      if (child == kNoNode) {  // will it be told when it appears?
        parts.erase(parts.begin(), part);
        return visibility_.shows_path(at, parts, type);
      }
      at = child;
    }
    return tree_.is_directory(at) || type == EntryType::file;
  });
}

NodeId Roots::resolve(const std::string& path) const {
  // An inner root that has a node of its own knows more than an outer one that ends there.
  for (auto each = roots_.rbegin(); each != roots_.rend(); ++each) {
    const Pointer& root = *each;
    if (root->node == kNoNode || root->phase == Root::Phase::crawling) continue;
    if (path == root->path && root->target.only.empty()) return root->node;
    if (!is_path_below(path, root->target.directory)) continue;
    NodeId at = root->node;
    for (const std::string_view part : parts_below(path, root->target.directory)) {
      at = at != kNoNode && tree_.is_directory(at) ? tree_.child(at, part) : kNoNode;
    }
    if (at != kNoNode) return at;
  }
  return kNoNode;
}

}  // namespace lookout
