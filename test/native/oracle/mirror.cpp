#include "oracle/mirror.h"

#include <array>
#include <utility>

#include "mutator/operation.h"

namespace lookout::oracle {
namespace {

std::optional<std::string> compare(const MirrorNode& one, const MirrorNode& other,
                                   const std::string& path) {
  if (one.type != other.type) return escape(path) + " has two types";
  for (const auto& [name, child] : one.children) {
    auto found = other.children.find(name);
    if (found == other.children.end()) return escape(path + '/' + name) + " is only in the first";
    if (auto wrong = compare(*child, *found->second, path + '/' + name)) return wrong;
  }
  for (const auto& [name, child] : other.children) {
    if (!one.children.contains(name)) return escape(path + '/' + name) + " is only in the second";
  }
  return std::nullopt;
}

std::unique_ptr<MirrorNode> copy_of(const MirrorNode& node, MirrorNode* parent) {
  auto made = std::make_unique<MirrorNode>();
  made->type = node.type;
  made->parent = parent;
  made->created = node.created;
  made->modified = node.modified;
  made->attributes = node.attributes;
  made->renamed = node.renamed;
  made->before = node.before;
  for (const auto& [name, child] : node.children) {
    made->children.emplace(name, copy_of(*child, made.get()));
  }
  return made;
}

}  // namespace

Mirror::Mirror(std::vector<std::string> roots) {
  for (const std::string& root : roots) add_root(root);
}

void Mirror::add_root(const std::string& root) {
  roots_.emplace(root, std::make_unique<MirrorNode>());
}

std::optional<std::string> Mirror::drop_root(const std::string& root) {
  auto found = roots_.find(root);
  if (found == roots_.end()) return escape(root) + " is no root";
  if (!found->second->children.empty())
    return escape(root) + " is no longer watched, but entries below it were not told as deleted";
  roots_.erase(found);
  return std::nullopt;
}

Mirror::Spot Mirror::spot(std::string_view path) const {
  // The outermost root that holds the path: an inner one is a directory of it.
  MirrorNode* node = nullptr;
  std::string_view rest;
  for (const auto& [root, top] : roots_) {
    if (path.size() > root.size() + 1 && path.starts_with(root) && path[root.size()] == '/') {
      node = top.get();
      rest = path.substr(root.size() + 1);
      break;  // a shorter one sorts first
    }
  }
  for (;;) {
    std::size_t slash = rest.find('/');
    std::string_view name = rest.substr(0, slash);
    if (!node || name.empty()) return {};
    auto found = node->children.find(name);
    MirrorNode* child = found == node->children.end() ? nullptr : found->second.get();
    if (slash == std::string_view::npos) return {node, std::string(name), child};
    node = child;
    rest.remove_prefix(slash + 1);
  }
}

const MirrorNode* Mirror::find(const std::string& path) const {
  auto root = roots_.find(path);
  const MirrorNode* node = spot(path).node;
  return node || root == roots_.end() ? node : root->second.get();
}

std::size_t Mirror::size() const {
  std::size_t total = 0;
  for (const auto& [root, node] : roots_) total += count_below(*node);
  return total;
}

std::optional<std::string> Mirror::create(const std::string& path, EntryType type, bool news) {
  Spot at = spot(path);
  if (!at.parent) return "its directory is not known";
  if (at.parent->type != EntryType::directory) return "what holds it is no directory";
  if (at.name == "." || at.name == "..") return "no entry has such a name";
  if (at.node) return "it is known already";
  auto node = std::make_unique<MirrorNode>();
  node->type = type;
  node->parent = at.parent;
  node->created = news;
  at.parent->children.emplace(at.name, std::move(node));
  return std::nullopt;
}

Mirror Mirror::copy() const {
  Mirror made{std::vector<std::string>{}};
  for (const auto& [path, root] : roots_) made.roots_.emplace(path, copy_of(*root, nullptr));
  return made;
}

std::optional<std::string> Mirror::insert(const Entry& entry) {
  if (auto wrong = create(entry.path, entry.type, false))
    return "listed " + escape(entry.path) + ": " + *wrong;
  return std::nullopt;
}

std::optional<std::string> Mirror::remove(const Event& event) {
  Spot at = spot(event.path);
  if (!at.node) return "it is not known";
  if (at.node->type != event.type) return "it is known as another type";
  if (!at.node->children.empty()) return "it still has entries";
  at.parent->children.erase(at.name);
  return std::nullopt;
}

std::optional<std::string> Mirror::change(const Event& event) {
  Spot at = spot(event.path);
  if (!at.node) return "it is not known";
  if (at.node->type != event.type) return "it is known as another type";
  (event.change == Change::modified ? at.node->modified : at.node->attributes) = true;
  return std::nullopt;
}

std::optional<std::string> Mirror::rename(const Event& event) {
  Spot from = spot(event.from);
  Spot to = spot(event.path);
  if (!from.node) return "what is renamed is not known";
  if (from.node->type != event.type) return "what is renamed is known as another type";
  if (!to.parent) return "the directory it goes to is not known";
  if (to.parent->type != EntryType::directory) return "what it goes into is no directory";
  if (to.node == from.node) return "it is renamed to itself";
  if (to.node && (to.node->type == EntryType::directory || event.type == EntryType::directory))
    return "a directory replaces or is replaced";
  for (const MirrorNode* each = to.parent; each; each = each->parent) {
    if (each == from.node) return "it goes below itself";
  }
  auto held = from.parent->children.extract(from.name);
  held.mapped()->parent = to.parent;
  held.mapped()->renamed = true;
  to.parent->children[to.name] = std::move(held.mapped());
  return std::nullopt;
}

std::optional<std::string> Mirror::apply(const Event& event) {
  std::optional<std::string> wrong;
  switch (event.change) {
    case Change::created:
      wrong = create(event.path, event.type, true);
      break;
    case Change::modified:
    case Change::attributes:
      wrong = change(event);
      break;
    case Change::deleted:
      wrong = remove(event);
      break;
    case Change::renamed:
      wrong = rename(event);
      break;
  }
  if (!wrong) return std::nullopt;
  return describe(event) + ": " + *wrong;
}

std::size_t count_below(const MirrorNode& node) {
  std::size_t total = 0;
  for (const auto& [name, child] : node.children) total += 1 + count_below(*child);
  return total;
}

std::string_view type_name(EntryType type) {
  constexpr std::array<std::string_view, 4> names{"file", "directory", "symlink", "other"};
  return names[static_cast<std::size_t>(type)];
}

std::string_view type_name(FileType type) {
  constexpr std::array<std::string_view, 4> names{"file", "directory", "symlink", "other"};
  return names[static_cast<std::size_t>(type)];
}

bool same_type(EntryType told, FileType found) {
  return type_name(told) == type_name(found);
}

std::string describe(const Event& event) {
  constexpr std::array<std::string_view, 5> names{"created", "modified", "attributes", "deleted",
                                                  "renamed"};
  std::string text(names[static_cast<std::size_t>(event.change)]);
  text += ' ';
  text += type_name(event.type);
  text += ' ' + escape(event.path);
  if (event.change == Change::renamed) text += " from " + escape(event.from);
  return text;
}

std::optional<std::string> difference(const Mirror& one, const Mirror& other) {
  for (const auto& [root, node] : one.roots()) {
    auto found = other.roots().find(root);
    if (found == other.roots().end()) return escape(root) + " is a root of the first only";
    if (auto wrong = compare(*node, *found->second, root)) return wrong;
  }
  return std::nullopt;
}

}  // namespace lookout::oracle
