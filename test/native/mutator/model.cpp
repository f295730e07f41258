#include "mutator/model.h"

#include <algorithm>
#include <utility>

namespace lookout::oracle {
namespace {

void visit(Node& node, const std::function<void(Node&)>& action) {
  action(node);
  for (auto& [name, child] : node.children) visit(*child, action);
}

}  // namespace

Model::Model(int roots) : workspace_(std::make_unique<Node>()) {
  for (int i = 0; i < roots; ++i) {
    Node& root = add(*workspace_, "r" + std::to_string(i), Kind::directory);
    root.fixed = true;
    roots_.push_back(&root);
  }
  side_ = &add(*workspace_, "side", Kind::directory);
  side_->fixed = true;
}

Node& Model::add(Node& directory, const std::string& name, Kind kind) {
  auto node = std::make_unique<Node>();
  node->kind = kind;
  if (kind != Kind::directory) {
    node->inode = std::make_shared<Inode>();
    node->inode->names.push_back(node.get());
  }
  Node& added = *node;
  attach(std::move(node), directory, name);
  return added;
}

Node& Model::add_link(Node& directory, const std::string& name, Node& target) {
  auto node = std::make_unique<Node>();
  node->kind = target.kind;
  node->inode = target.inode;
  node->inode->names.push_back(node.get());
  Node& added = *node;
  attach(std::move(node), directory, name);
  return added;
}

void Model::clear(Node& directory) {
  while (!directory.children.empty()) remove(*directory.children.begin()->second);
}

std::unique_ptr<Node> Model::detach(Node& node) {
  auto held = node.parent->children.extract(node.name);
  return std::move(held.mapped());
}

void Model::attach(std::unique_ptr<Node> node, Node& directory, const std::string& name) {
  node->name = name;
  node->parent = &directory;
  directory.children[name] = std::move(node);
}

void Model::forget_names(Node& node) {
  oracle::visit(node, [](Node& each) {
    if (each.inode) std::erase(each.inode->names, &each);
  });
}

void Model::remove(Node& node) {
  forget_names(node);
  detach(node);
}

void Model::move(Node& node, Node& directory, const std::string& name) {
  Node* target = child(directory, name);
  if (target == &node) return;
  if (target && target->inode && target->inode == node.inode) return;
  if (target) remove(*target);
  bool was_inside = in_roots(node);
  std::unique_ptr<Node> held = detach(node);
  attach(std::move(held), directory, name);
  // What is in a directory that was moved may be unknown where the watcher has not found it yet.
  const bool carried_out = node.kind == Kind::directory && was_inside && !in_roots(node);
  oracle::visit(node, [carried_out](Node& each) {
    each.known = false;
    each.carried_out = each.carried_out || carried_out;
  });
}

void Model::exchange(Node& one, Node& two) {
  for (Node* node : {&one, &two}) {
    if (in_roots(*node)) oracle::visit(*node, [](Node& each) { each.carried_out = true; });
  }
  Node& one_parent = *one.parent;
  Node& two_parent = *two.parent;
  std::string one_name = one.name;
  std::string two_name = two.name;
  std::unique_ptr<Node> first = detach(one);
  std::unique_ptr<Node> second = detach(two);
  attach(std::move(first), two_parent, two_name);
  attach(std::move(second), one_parent, one_name);
  for (Node* node : {&one, &two}) oracle::visit(*node, [](Node& each) { each.known = false; });
}

void Model::rest() {
  visit([](Node& each) {
    each.known = true;
    each.pinned = false;
    each.carried_out = false;
  });
}

std::string Model::path(const Node& node) {
  if (!node.parent || !node.parent->parent) return node.name;
  return path(*node.parent) + '/' + node.name;
}

Node* Model::child(const Node& directory, const std::string& name) {
  auto found = directory.children.find(name);
  return found == directory.children.end() ? nullptr : found->second.get();
}

Node* Model::at(const std::string& path) const {
  Node* node = workspace_.get();
  for (std::size_t begin = 0; node && begin < path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    node = child(*node, path.substr(begin, end - begin));
    begin = end + 1;
  }
  return node;
}

bool Model::below(const Node& node, const Node& ancestor) {
  for (const Node* each = &node; each; each = each->parent) {
    if (each == &ancestor) return true;
  }
  return false;
}

std::size_t Model::size(const Node& node) {
  std::size_t total = 1;
  for (const auto& [name, child] : node.children) total += size(*child);
  return total;
}

bool Model::writable(const Node& node) const {
  if (node.inode->names.size() == 1 || in_roots(node)) return true;
  return std::none_of(node.inode->names.begin(), node.inode->names.end(),
                      [this](const Node* name) { return in_roots(*name) || name->carried_out; });
}

void Model::written(Node& node) {
  if (node.inode && node.inode->names.size() > 1 && !node.known && in_roots(node))
    node.pinned = true;
}

bool Model::removable(const Node& node) {
  return !node.mounted && holds_nothing_that_stays(node);
}

bool Model::holds_nothing_that_stays(const Node& node) {
  if (node.fixed || node.pinned) return false;
  return std::all_of(node.children.begin(), node.children.end(),
                     [](const auto& entry) { return holds_nothing_that_stays(*entry.second); });
}

void Model::visit(const std::function<void(Node&)>& action) const {
  oracle::visit(*workspace_, action);
}

Node* Model::pick(Random& random, const Wanted& wanted) const {
  if (random.one_in(12)) return pick_below(random, *side_, wanted);
  return pick_below(random, *roots_[random.below(roots_.size())], wanted);
}

Node* Model::pick_below(Random& random, Node& top, const Wanted& wanted) const {
  std::vector<Node*> found;
  oracle::visit(top, [&](Node& each) {
    if (wanted(each)) found.push_back(&each);
  });
  return found.empty() ? nullptr : found[random.below(found.size())];
}

}  // namespace lookout::oracle
