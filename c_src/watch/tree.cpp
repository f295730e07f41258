#include "watch/tree.h"

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "watch/hash.h"

namespace lookout {
namespace {

std::uint64_t hash_place(NodeId parent, std::string_view name) {
  return hash_bytes(parent, name);
}

std::uint64_t hash_identity(Identity identity) {
  return mix(identity.inode ^ hash_seed(), mix(identity.device, 0x9e3779b97f4a7c15) | 1);
}

std::uint64_t hash_watch(int watch) {
  return mix(static_cast<std::uint64_t>(watch) ^ hash_seed(), 0x9e3779b97f4a7c15);
}

}  // namespace

std::uint64_t Tree::NameHash::operator()(std::uint32_t node) const {
  return hash_place(tree->parent(node), tree->name(node));
}
std::uint64_t Tree::IdentityHash::operator()(std::uint32_t node) const {
  return hash_identity(tree->identity(node));
}
std::uint64_t Tree::WatchHash::operator()(std::uint32_t node) const {
  return hash_watch(tree->watch(node));
}

Tree::Tree()
    : by_name_(NameHash{this}), by_identity_(IdentityHash{this}), by_watch_(WatchHash{this}) {
  nodes_.push_back(Node{});  // index 0 stands for none
  dirs_.push_back(Dir{});
}

NodeId Tree::add_root(std::string_view path, Identity identity) {
  if (path == "/") path = "";
  return allocate(path, EntryType::directory, identity);
}

NodeId Tree::add(NodeId parent, std::string_view name, EntryType type, Identity identity) {
  const NodeId node = allocate(name, type, identity);
  link(node, parent);
  return node;
}

void Tree::remove(NodeId node) {
  if (!is_root(node)) unlink(node);
  forget_identity(node);
  Node& gone = nodes_[node];
  --devices_[gone.device].users;
  if (is_directory(node)) {
    set_watch(node, -1);
    Dir& free = dir(node);
    free = Dir{};
    free.first_child = free_dir_;
    free_dir_ = gone.extra;
    --directories_;
  } else {
    --others_;
  }
  names_.remove(gone.name);
  gone = Node{};
  gone.next = free_node_;
  free_node_ = node;
}

void Tree::move(NodeId node, NodeId parent, std::string_view name) {
  const NameArena::Ref kept = names_.add(name);  // before the old one is freed: may be a view of it
  unlink(node);
  names_.remove(nodes_[node].name);
  nodes_[node].name = kept;
  link(node, parent);
}

NodeId Tree::child(NodeId parent, std::string_view name) const {
  const Dir& directory = dir(parent);
  if (directory.few != kMany) {
    NodeId at = directory.first_child;
    while (at != kNoNode && names_.get(nodes_[at].name) != name) at = nodes_[at].next;
    return at;
  }
  return by_name_.find(hash_place(parent, name), [&](NodeId node) {
    return nodes_[node].parent == parent && names_.get(nodes_[node].name) == name;
  });
}

bool Tree::is_below(NodeId node, NodeId ancestor) const {
  while (node != kNoNode && node != ancestor) node = parent(node);
  return node == ancestor;
}

std::string Tree::path(NodeId node) const {
  if (is_root(node)) return name(node).empty() ? "/" : std::string(name(node));
  std::size_t length = 0;
  for (NodeId at = node; at != kNoNode; at = parent(at)) {
    length += name(at).size() + (is_root(at) ? 0 : 1);
  }
  std::string path(length, '/');
  for (NodeId at = node; at != kNoNode; at = parent(at)) {
    const std::string_view part = name(at);
    length -= part.size();
    std::copy(part.begin(), part.end(), path.begin() + static_cast<std::ptrdiff_t>(length));
    if (!is_root(at)) --length;
  }
  return path;
}

NodeId Tree::root_of(NodeId node) const {
  while (!is_root(node)) node = parent(node);
  return node;
}

Identity Tree::identity(NodeId node) const {
  return {devices_[nodes_[node].device].number, nodes_[node].inode};
}

void Tree::set_identity(NodeId node, Identity identity) {
  if (this->identity(node) == identity) return;
  forget_identity(node);
  --devices_[nodes_[node].device].users;
  nodes_[node].device = use_device(identity.device);
  nodes_[node].inode = identity.inode;
  index_identity(node);
}

std::vector<NodeId> Tree::with_identity(Identity identity) const {
  std::vector<NodeId> found;
  if (const NodeId first = head(identity); first != kNoNode) {
    found.push_back(first);
    if (const auto more = links_.find(first); more != links_.end()) {
      found.insert(found.end(), more->second.begin(), more->second.end());
    }
  }
  return found;
}

void Tree::set(NodeId node, Mark mark, bool on) {
  const auto bit = static_cast<std::uint8_t>(mark);
  auto& marks = nodes_[node].marks;
  marks = static_cast<std::uint8_t>(on ? marks | bit : marks & ~bit);
}

void Tree::set(NodeId directory, DirMark mark, bool on) {
  const auto bit = static_cast<std::uint16_t>(mark);
  auto& marks = dir(directory).marks;
  marks = static_cast<std::uint16_t>(on ? marks | bit : marks & ~bit);
}

void Tree::set_watch(NodeId directory, int watch) {
  const int old = dir(directory).watch;
  if (old == watch) return;
  if (old >= 0 && watch_holder(old) == directory) {
    by_watch_.erase(directory);
    dir(directory).watch = -1;
    // Another directory with the same watch is the one that is found from now on.
    for (const NodeId other : with_identity(identity(directory))) {
      if (other != directory && is_directory(other) && dir(other).watch == old) {
        by_watch_.insert(other);
        break;
      }
    }
  }
  dir(directory).watch = watch;
  if (watch >= 0 && watch_holder(watch) == kNoNode) by_watch_.insert(directory);
}

NodeId Tree::only_with_watch(int watch) const {
  const NodeId holder = watch_holder(watch);
  if (holder == kNoNode || links_.empty()) return holder;
  return links_.contains(head(identity(holder))) ? kNoNode : holder;
}

std::vector<NodeId> Tree::with_watch(int watch) const {
  const NodeId holder = watch_holder(watch);
  if (holder == kNoNode) return {};
  std::vector<NodeId> found = with_identity(identity(holder));
  std::erase_if(found,
                [&](NodeId node) { return !is_directory(node) || dir(node).watch != watch; });
  // A watch that was set while the identity was still provisional belongs to its holder alone.
  if (found.empty()) found.push_back(holder);
  return found;
}

NodeId Tree::allocate(std::string_view name, EntryType type, Identity identity) {
  const NameArena::Ref kept = names_.add(name);
  NodeId node = free_node_;
  if (node != kNoNode) {
    free_node_ = nodes_[node].next;
    nodes_[node] = Node{};
  } else {
    if (nodes_.size() > std::numeric_limits<NodeId>::max() - 1) {
      throw std::length_error("more than 4,294,967,294 entries are watched");
    }
    node = static_cast<NodeId>(nodes_.push_back(Node{}));
  }
  Node& made = nodes_[node];
  made.name = kept;
  made.type = static_cast<std::uint8_t>(type);
  made.device = use_device(identity.device);
  made.inode = identity.inode;
  if (type == EntryType::directory) {
    if (free_dir_ != 0) {
      made.extra = free_dir_;
      free_dir_ = dirs_[free_dir_].first_child;
      dirs_[made.extra] = Dir{};
    } else {
      made.extra = static_cast<std::uint32_t>(dirs_.push_back(Dir{}));
    }
    ++directories_;
  } else {
    ++others_;
  }
  index_identity(node);
  return node;
}

void Tree::link(NodeId node, NodeId parent) {
  Node& linked = nodes_[node];
  linked.parent = parent;
  linked.previous = kNoNode;
  linked.next = dir(parent).first_child;
  if (linked.next != kNoNode) nodes_[linked.next].previous = node;
  Dir& directory = dir(parent);
  directory.first_child = node;
  if (directory.few == kMany) {
    by_name_.insert(node);
  } else if (++directory.few > kFew) {
    directory.few = kMany;
    for (NodeId at = node; at != kNoNode; at = nodes_[at].next) by_name_.insert(at);
  }
}

void Tree::unlink(NodeId node) {
  Node& linked = nodes_[node];
  Dir& directory = dir(linked.parent);
  if (directory.few == kMany) {
    by_name_.erase(node);
  } else {
    --directory.few;
  }
  if (linked.previous != kNoNode) {
    nodes_[linked.previous].next = linked.next;
  } else {
    directory.first_child = linked.next;
    if (linked.next == kNoNode) directory.few = 0;
  }
  if (linked.next != kNoNode) nodes_[linked.next].previous = linked.previous;
  linked.parent = linked.next = linked.previous = kNoNode;
}

std::uint16_t Tree::use_device(std::uint64_t number) {
  std::size_t unused = devices_.size();
  for (std::size_t i = 0; i < devices_.size(); ++i) {
    if (devices_[i].number == number && devices_[i].users > 0) {
      ++devices_[i].users;
      return static_cast<std::uint16_t>(i);
    }
    if (devices_[i].users == 0) unused = i;
  }
  if (unused == devices_.size()) {
    if (unused > std::numeric_limits<std::uint16_t>::max()) {
      throw std::length_error("more than 65,536 file systems are watched at once");
    }
    devices_.emplace_back();
  }
  devices_[unused] = {number, 1};
  return static_cast<std::uint16_t>(unused);
}

bool Tree::has_identity(NodeId node, Identity identity) const {
  return nodes_[node].inode == identity.inode &&
         devices_[nodes_[node].device].number == identity.device;
}

NodeId Tree::head(Identity identity) const {
  return by_identity_.find(hash_identity(identity),
                           [&](NodeId node) { return has_identity(node, identity); });
}

void Tree::index_identity(NodeId node) {
  const Identity shared = identity(node);
  const NodeId first = by_identity_.find_or_insert(
      hash_identity(shared), [&](NodeId other) { return has_identity(other, shared); }, node);
  if (first != kNoNode) links_[first].push_back(node);
}

void Tree::forget_identity(NodeId node) {
  const NodeId first = head(identity(node));
  const auto more = links_.find(first);
  if (first != node) {
    std::erase(more->second, node);
    if (more->second.empty()) links_.erase(more);
    return;
  }
  by_identity_.erase(node);
  if (more == links_.end()) return;
  std::vector<NodeId> rest = std::move(more->second);
  links_.erase(more);
  const NodeId next = rest.back();
  rest.pop_back();
  by_identity_.insert(next);
  if (!rest.empty()) links_.emplace(next, std::move(rest));
}

NodeId Tree::watch_holder(int watch) const {
  return by_watch_.find(hash_watch(watch), [&](NodeId node) { return dir(node).watch == watch; });
}

NodeId next_below(const Tree& tree, NodeId node, NodeId top) {
  if (tree.is_directory(node) && tree.first_child(node) != kNoNode) return tree.first_child(node);
  while (node != top) {
    if (const NodeId next = tree.next_sibling(node); next != kNoNode) return next;
    node = tree.parent(node);
  }
  return kNoNode;
}

}  // namespace lookout
