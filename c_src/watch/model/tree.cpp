#include "watch/model/tree.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "watch/model/hash.h"

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

std::size_t HashIdentity::operator()(Identity identity) const {
  return hash_identity(identity);
}

std::uint64_t Tree::NameHash::operator()(std::uint32_t node) const {
  return hash_place(tree->parent(node), tree->name(node));
}
std::uint64_t Tree::IdentityHash::operator()(std::uint32_t node) const {
  return hash_identity(tree->identity(node));
}
std::uint64_t Tree::WatchHash::operator()(std::uint32_t node) const {
  return hash_watch(tree->watch(node));
}

Tree::Tree(TreeLimits limits)
    : limits_(limits),
      names_(limits.name_chunks),
      devices_(limits.devices),
      by_name_(NameHash{this}),
      by_identity_(IdentityHash{this}),
      by_watch_(WatchHash{this}) {
  nodes_.add(Node{});  // index 0 stands for none
  dirs_.add(Dir{});
}

bool Tree::has_room(std::string_view name, std::uint64_t device) const {
  return nodes_.used() <= limits_.nodes && name.size() <= NameArena::kMaxLength &&
         names_.has_room() && has_room_for(device);
}

bool Tree::has_room_for(std::uint64_t device) const {
  return devices_.has_room_for(device);
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
  const Node& gone = nodes_[node];
  devices_.remove_reference(gone.device);
  if (is_directory(node)) {
    set_watch(node, kNoWatch);
    far_roots_.forget(node);
    dirs_.remove(gone.extra);
    --directories_;
  } else {
    --others_;
    stamps_.erase(node);
  }
  names_.remove(gone.name);
  nodes_.remove(node);
}

void Tree::move(NodeId node, NodeId parent, std::string_view name) {
  const NameArena::Ref kept = names_.add(name);  // before the old name is freed: `name` may view it
  unlink(node);
  names_.remove(nodes_[node].name);
  nodes_[node].name = kept;
  link(node, parent);
  if (is_directory(node)) far_roots_.clear();
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
  return far_roots_.root_of(node, [this](NodeId below) { return parent(below); });
}

Identity Tree::identity(NodeId node) const {
  return {devices_.number(nodes_[node].device), nodes_[node].inode};
}

void Tree::set_identity(NodeId node, Identity identity) {
  if (this->identity(node) == identity) return;
  forget_identity(node);
  devices_.remove_reference(nodes_[node].device);
  nodes_[node].device = devices_.add_reference(identity.device);
  nodes_[node].inode = identity.inode;
  index_identity(node);
}

bool Tree::adopt_identity(NodeId node, EntryType type, Identity identity) {
  if (!has(node, Mark::adopts) || this->type(node) != type || !has_room_for(identity.device)) {
    return false;
  }
  set(node, Mark::adopts, false);
  set_identity(node, identity);
  return true;
}

std::vector<std::uint64_t> Tree::devices() const {
  return devices_.numbers();
}

std::vector<NodeId> Tree::with_identity(Identity identity) const {
  std::vector<NodeId> found(links(identity));
  for (std::size_t i = 0; i < found.size(); ++i) found[i] = link_at(identity, i);
  return found;
}

std::size_t Tree::links(Identity identity) const {
  const NodeId first = head(identity);
  if (first == kNoNode) return 0;
  const auto more = links_.find(first);
  return more == links_.end() ? 1 : 1 + more->second.size();
}

NodeId Tree::link_at(Identity identity, std::size_t position) const {
  const NodeId first = head(identity);
  return position == 0 ? first : links_.at(first)[position - 1];
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
  if (old != kNoWatch && watch_holder(old) == directory) {
    by_watch_.erase(directory);
    dir(directory).watch = kNoWatch;
    // If another directory has the same watch, that one is found from now on.
    for (const NodeId other : with_identity(identity(directory))) {
      if (other != directory && is_directory(other) && dir(other).watch == old) {
        by_watch_.insert(other);
        break;
      }
    }
  }
  dir(directory).watch = watch;
  if (watch != kNoWatch && watch_holder(watch) == kNoNode) by_watch_.insert(directory);
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
  if (!has_room(name, identity.device)) throw std::length_error("the tree has no more room");
  Node made;
  made.name = names_.add(name);
  made.type = static_cast<std::uint8_t>(type);
  made.device = devices_.add_reference(identity.device);
  made.inode = identity.inode;
  if (type == EntryType::directory) {
    made.extra = static_cast<std::uint32_t>(dirs_.add(Dir{}));
    ++directories_;
  } else {
    ++others_;
  }
  const auto node = static_cast<NodeId>(nodes_.add(made));
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

bool Tree::has_identity(NodeId node, Identity identity) const {
  return nodes_[node].inode == identity.inode &&
         devices_.number(nodes_[node].device) == identity.device;
}

NodeId Tree::head(Identity identity) const {
  return by_identity_.find(hash_identity(identity),
                           [&](NodeId node) { return has_identity(node, identity); });
}

void Tree::index_identity(NodeId node) {
  const Identity shared = identity(node);
  const NodeId first = by_identity_.find_or_insert(
      hash_identity(shared), [&](NodeId other) { return has_identity(other, shared); }, node);
  if (first != kNoNode) links_[first].add(node);
}

void Tree::forget_identity(NodeId node) {
  const NodeId first = head(identity(node));
  if (first == node) by_identity_.erase(node);
  auto group = links_.extract(first);
  if (!group) return;
  LinkGroup<NodeId>& others = group.mapped();
  if (first == node) {
    group.key() = others[others.size() - 1];
    by_identity_.insert(group.key());
    others.remove(group.key());
  } else {
    others.remove(node);
  }
  if (!others.empty()) links_.insert(std::move(group));
}

NodeId Tree::watch_holder(int watch) const {
  return by_watch_.find(hash_watch(watch), [&](NodeId node) { return dir(node).watch == watch; });
}

std::size_t Tree::memory() const {
  return nodes_.memory() + dirs_.memory() + names_.memory() + by_name_.memory() +
         by_identity_.memory() + by_watch_.memory() + stamps_.memory();
}

bool Tree::compact() {
  constexpr int kNodesPerStep = 4096;
  if (compacted_ == 0) {
    by_name_.shrink();
    by_identity_.shrink();
    by_watch_.shrink();
    if (!names_.is_mostly_free()) return false;
    names_.retire();
  }
  for (int i = 0; i < kNodesPerStep; ++i) {
    compacted_ = nodes_.next_used(compacted_ + 1);
    if (compacted_ == nodes_.end()) {
      compacted_ = 0;
      return false;
    }
    Node& node = nodes_[compacted_];
    if (!names_.is_retired(node.name)) continue;
    const NameArena::Ref kept = names_.add(names_.get(node.name));
    names_.remove(std::exchange(node.name, kept));
  }
  return true;
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
