// The tree against a naive model, through thousands of random operations.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "watch/model/tree.h"

namespace lookout {
namespace {

struct ModelNode {
  NodeId parent;
  std::string name;
  EntryType type;
  Identity identity;
  int watch = -1;
};

class Trial {
 public:
  explicit Trial(unsigned seed) : random_(seed) {
    for (const char* path : {"/one", "/two"}) {
      const NodeId root = tree_.add_root(path, {1, next_inode_});
      nodes_[root] = {kNoNode, path, EntryType::directory, {1, next_inode_++}};
    }
  }

  void step() {
    if (random_() % 16 == 0) tree_.compact();
    switch (random_() % 8) {
      case 0:
      case 1:
      case 2:
        add();
        break;
      case 3:
      case 4:
        remove();
        break;
      case 5:
        move();
        break;
      case 6:
        set_watch();
        break;
      default:
        set_identity();
    }
  }

  void compare() const {
    std::uint64_t directories = 0;
    std::set<int> watches;
    for (const auto& [node, known] : nodes_) {
      ASSERT_TRUE(tree_.alive(node));
      ASSERT_EQ(tree_.parent(node), known.parent);
      ASSERT_EQ(tree_.name(node), known.name);
      ASSERT_EQ(tree_.type(node), known.type);
      ASSERT_EQ(tree_.identity(node), known.identity);
      ASSERT_EQ(tree_.path(node), path(node));
      if (known.parent != kNoNode) {
        ASSERT_EQ(tree_.child(known.parent, known.name), node);
      }
      ASSERT_EQ(sorted(tree_.with_identity(known.identity)),
                where([&](const ModelNode& other) { return other.identity == known.identity; }));
      if (known.type != EntryType::directory) continue;
      ++directories;
      ASSERT_EQ(children(node),
                where([&](const ModelNode& other) { return other.parent == node; }));
      ASSERT_EQ(tree_.watch(node), known.watch);
      if (known.watch < 0) continue;
      watches.insert(known.watch);
      ASSERT_EQ(sorted(tree_.with_watch(known.watch)),
                where([&](const ModelNode& other) { return other.watch == known.watch; }));
    }
    ASSERT_EQ(tree_.directories(), directories);
    ASSERT_EQ(tree_.others(), nodes_.size() - directories);
    ASSERT_EQ(tree_.watches(), watches.size());
  }

 private:
  using Item = std::pair<const NodeId, ModelNode>;

  Item& any() {
    return *std::next(nodes_.begin(), static_cast<std::ptrdiff_t>(random_() % nodes_.size()));
  }

  NodeId any_directory() {
    for (;;) {
      const Item& item = any();
      if (item.second.type == EntryType::directory) return item.first;
    }
  }

  // Few names, so that places are taken and freed and taken again.
  std::string any_name() {
    return std::string(1 + random_() % 3, static_cast<char>('a' + random_() % 6));
  }

  bool taken(NodeId parent, const std::string& name) const {
    return std::any_of(nodes_.begin(), nodes_.end(), [&](const Item& item) {
      return item.second.parent == parent && item.second.name == name;
    });
  }

  bool below(NodeId node, NodeId top) const {
    while (node != kNoNode && node != top) node = nodes_.at(node).parent;
    return node == top;
  }

  std::string path(NodeId node) const {
    const ModelNode& known = nodes_.at(node);
    return known.parent == kNoNode ? known.name : path(known.parent) + '/' + known.name;
  }

  template <class Predicate>
  std::vector<NodeId> where(Predicate holds) const {
    std::vector<NodeId> found;
    for (const auto& [node, known] : nodes_) {
      if (holds(known)) found.push_back(node);
    }
    return found;
  }

  std::vector<NodeId> children(NodeId directory) const {
    std::vector<NodeId> found;
    for (NodeId at = tree_.first_child(directory); at != kNoNode; at = tree_.next_sibling(at)) {
      found.push_back(at);
    }
    return sorted(found);
  }

  static std::vector<NodeId> sorted(std::vector<NodeId> nodes) {
    std::sort(nodes.begin(), nodes.end());
    return nodes;
  }

  void add() {
    const NodeId parent = any_directory();
    const std::string name = any_name();
    if (taken(parent, name) || nodes_.size() > 60) return;
    const bool directory = random_() % 2 == 0;
    // Some files are further links of an inode; directories have identities of their own.
    Identity identity{1 + random_() % 3, next_inode_++};
    const Item& other = any();
    if (!directory && other.second.type == EntryType::file) identity = other.second.identity;
    const EntryType type = directory ? EntryType::directory : EntryType::file;
    const NodeId node = tree_.add(parent, name, type, identity);
    ASSERT_TRUE(nodes_.emplace(node, ModelNode{parent, name, type, identity}).second);
  }

  void remove() {
    const Item& item = any();
    const NodeId node = item.first;
    if (item.second.parent == kNoNode ||
        !where([&](const ModelNode& other) { return other.parent == node; }).empty()) {
      return;
    }
    tree_.remove(node);
    nodes_.erase(node);
    ASSERT_FALSE(tree_.alive(node));
  }

  void move() {
    Item& item = any();
    const NodeId parent = any_directory();
    const std::string name = any_name();
    if (item.second.parent == kNoNode || below(parent, item.first) || taken(parent, name)) return;
    tree_.move(item.first, parent, name);
    item.second.parent = parent;
    item.second.name = name;
  }

  void set_watch() {
    Item& item = *nodes_.find(any_directory());
    const int watch = random_() % 4 == 0 ? -1 : next_watch_++;
    tree_.set_watch(item.first, watch);
    item.second.watch = watch;
  }

  void set_identity() {
    Item& item = any();
    if (item.second.type != EntryType::file) return;
    const Identity identity{1 + random_() % 3, next_inode_++};
    tree_.set_identity(item.first, identity);
    item.second.identity = identity;
  }

  std::mt19937 random_;
  Tree tree_;
  std::map<NodeId, ModelNode> nodes_;
  std::uint64_t next_inode_ = 10;
  int next_watch_ = 1;
};

TEST(TreeRandom, HoldsWhatANaiveModelHolds) {
  for (unsigned seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Trial trial(seed);
    for (int i = 0; i < 2000; ++i) {
      trial.step();
      if (i % 10 == 0) trial.compare();
      if (testing::Test::HasFatalFailure()) return;
    }
    trial.compare();
  }
}

}  // namespace
}  // namespace lookout
