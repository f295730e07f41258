// What the mutator believes to stand on the disk. Pure: it makes no system call, so that a whole
// interval of operations can be drawn before the first is carried out, and a seed means the same
// operations everywhere.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "mutator/random.h"

namespace lookout::oracle {

enum class Kind : std::uint8_t { directory, file, symlink, other };

struct Node;

// What several names may share: a file's names are its hard links.
struct Inode {
  std::vector<Node*> names{};
  std::string text{};  // what a file of rules holds, where a link leads
};

struct Node {
  std::string name{};
  Kind kind = Kind::directory;
  Node* parent = nullptr;
  std::map<std::string, std::unique_ptr<Node>> children{};
  std::shared_ptr<Inode> inode{};  // of what is not a directory
  bool fixed = false;              // a root, or on the way to one: stays where it is
  bool known = false;   // stood under this name at the last rest, so the watcher knows its inode
  bool pinned = false;  // must stay until the next rest: see Model::written
  bool carried_out = false;  // since the last rest, with a directory that left the roots
  bool locked = false;       // a directory whose mode keeps other users out
  bool mounted = false;      // a mount point: stays in its directory, which may be moved
};

class Model {
 public:
  // A workspace with the directories "r0" to "r<roots - 1>" and "side".
  explicit Model(int roots);

  const std::vector<Node*>& roots() const { return roots_; }
  Node& side() const { return *side_; }

  Node& add(Node& directory, const std::string& name, Kind kind);
  Node& add_link(Node& directory, const std::string& name, Node& target);
  void remove(Node& node);
  // Removes all below a directory.
  void clear(Node& directory);
  // As rename(2): replaces what stands at the target; nothing happens between links of one inode.
  void move(Node& node, Node& directory, const std::string& name);
  void exchange(Node& one, Node& two);
  // Every name is known to the watcher now, and nothing is pinned.
  void rest();

  static std::string path(const Node& node);
  static Node* child(const Node& directory, const std::string& name);
  static bool below(const Node& node, const Node& ancestor);  // or the same
  static std::size_t size(const Node& node);                  // of the subtree
  Node* at(const std::string& path) const;                    // nullptr where nothing stands
  bool in_roots(const Node& node) const { return !below(node, *side_); }

  // Whether a content change through this name can be seen by a watcher at all: not where another
  // name of the same inode lies in the roots, or in what was carried out of them and may come back,
  // and this one does not.
  bool writable(const Node& node) const;
  // Content was changed through this name. The watcher passes that on to the inode's other names,
  // which it can do only if it gets to know that this name is one of them; so a new name of an
  // inode that has others is pinned.
  void written(Node& node);
  // It is no mount point, and nothing in the subtree is fixed or pinned.
  static bool removable(const Node& node);

  using Wanted = std::function<bool(const Node&)>;
  // A random node of the roots (or of the side directory, rarely) that is wanted; or nullptr.
  Node* pick(Random& random, const Wanted& wanted) const;
  void visit(const std::function<void(Node&)>& action) const;
  Node* pick_below(Random& random, Node& top, const Wanted& wanted) const;

 private:
  static bool holds_nothing_that_stays(const Node& node);
  std::unique_ptr<Node> detach(Node& node);
  void attach(std::unique_ptr<Node> node, Node& directory, const std::string& name);
  void forget_names(Node& node);

  std::unique_ptr<Node> workspace_;  // on the heap: its children point back to it
  std::vector<Node*> roots_;
  Node* side_;
};

}  // namespace lookout::oracle
