#include "oracle/interpreter.h"

#include <algorithm>
#include <memory>
#include <string>

#include "mutator/model.h"

namespace lookout::oracle {
namespace {

constexpr int kRoots = 10;  // a script may name any of them

// Carries operations out on a model, as the kernel would on the disk.
class Interpreter {
 public:
  Interpreter() : model_(kRoots) {
    model_.add(*model_.roots()[0], "inner", Kind::directory).fixed = true;
  }

  // False where the operation makes the script blind.
  bool run(const Operation& operation) {
    switch (operation.verb) {
      case Verb::mkdir:
        return make(operation.path, Kind::directory);
      case Verb::symlink:
        return make(operation.path, Kind::symlink);
      case Verb::lead:
        return make_with(operation, Kind::symlink);
      case Verb::rules:
        return make_with(operation, Kind::file);
      case Verb::fifo:
      case Verb::socket:
        return make(operation.path, Kind::other);
      case Verb::tmpfile:
        return make(operation.path, Kind::file);
      case Verb::write:
        return at(operation.path) ? change(at(operation.path)) : make(operation.path, Kind::file);
      case Verb::chmod:
        lock(at(operation.path), operation.number);
        return change(at(operation.path));
      case Verb::append:
      case Verb::overwrite:
      case Verb::truncate:
      case Verb::utimes:
        return change(at(operation.path));
      case Verb::unlink:
      case Verb::rmdir:
        return remove(at(operation.path), operation.verb == Verb::rmdir);
      case Verb::fill:
        return fill(operation);
      case Verb::rename:
        return rename(at(operation.path), operation.other);
      case Verb::move_busy:
        return move_busy(operation);
      case Verb::mount:
      case Verb::bind:
      case Verb::umount:
        if (Node* directory = at(operation.path)) model_.clear(*directory);
        return true;
      case Verb::exchange:
        return exchange(at(operation.path), at(operation.other));
      case Verb::link:
        return link(at(operation.path), operation.other);
      case Verb::hold:
        held_ = at(operation.path);
        inode_ = held_ ? held_->inode : nullptr;
        return true;
      case Verb::hold_write:
        // With its name gone, what is written shows under no name, unless no other is left.
        return !inode_ || (held_ ? change(held_) : inode_->names.empty());
      case Verb::hold_close:
        inode_ = nullptr;
        held_ = nullptr;
        return true;
      case Verb::rest:
        model_.rest();
        return true;
      case Verb::replace_parent:
      case Verb::restore_parent:
      case Verb::flood:
      case Verb::pause:
      case Verb::stall:
      case Verb::resume:
        return true;
    }
    return true;
  }

  const Model& model() const { return model_; }

  bool locked() const {
    bool any = false;
    model_.visit([&](const Node& node) { any = any || node.locked; });
    return any;
  }

 private:
  Node* top(const std::string& name) const {
    if (name == "side") return &model_.side();
    for (Node* root : model_.roots()) {
      if (root->name == name) return root;
    }
    return nullptr;
  }

  Node* at(const std::string& path) const {
    std::size_t slash = path.find('/');
    Node* node = top(path.substr(0, slash));
    while (node && slash != std::string::npos) {
      std::size_t next = path.find('/', slash + 1);
      node = Model::child(*node, path.substr(slash + 1, next - slash - 1));
      slash = next;
    }
    return node;
  }

  // The directory that a path is in, where it is one.
  Node* directory_of(const std::string& path) const {
    std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) return nullptr;
    Node* node = at(path.substr(0, slash));
    return node && node->kind == Kind::directory ? node : nullptr;
  }
  static std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

  bool make(const std::string& path, Kind kind) {
    Node* directory = directory_of(path);
    if (directory && !at(path)) model_.add(*directory, name_of(path), kind);
    return true;
  }

  bool make_with(const Operation& operation, Kind kind) {
    if (Node* node = at(operation.path); node && !change(node)) return false;
    make(operation.path, kind);
    if (Node* node = at(operation.path); node && node->kind == kind)
      node->inode->text = operation.other;
    return true;
  }

  bool fill(const Operation& operation) {
    make(operation.path, Kind::directory);
    return add_files(operation.path, "m", operation.number);
  }

  bool move_busy(const Operation& operation) {
    return add_files(operation.path, "busy", operation.number) &&
           rename(at(operation.path), operation.other);
  }

  bool add_files(const std::string& directory, const std::string& prefix, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i)
      make(directory + '/' + prefix + std::to_string(i), Kind::file);
    return true;
  }

  static void lock(Node* node, std::uint64_t mode) {
    if (node && node->kind == Kind::directory) node->locked = (mode & 055) != 055;
  }

  bool change(Node* node) {
    if (!node || !node->inode) return true;
    if (!model_.writable(*node)) return false;
    model_.written(*node);
    return true;
  }

  bool remove(Node* node, bool directory) {
    if (!node || node->fixed || !node->children.empty()) return true;
    if (directory != (node->kind == Kind::directory)) return true;
    if (!Model::removable(*node)) return false;
    let_go(*node);
    model_.remove(*node);
    return true;
  }

  bool rename(Node* node, const std::string& path) {
    Node* directory = directory_of(path);
    Node* target = at(path);
    if (!node || node->fixed || !directory || Model::below(*directory, *node)) return true;
    if (target && (target == node || (target->inode && target->inode == node->inode))) return true;
    if (target && (target->fixed || !target->children.empty() ||
                   (target->kind == Kind::directory) != (node->kind == Kind::directory)))
      return true;
    if (!Model::removable(*node) || (target && !Model::removable(*target))) return false;
    if (target) let_go(*target);
    model_.move(*node, *directory, name_of(path));
    return true;
  }

  bool exchange(Node* one, Node* two) {
    if (!one || !two || one->fixed || two->fixed) return true;
    if (Model::below(*one, *two) || Model::below(*two, *one)) return true;
    if (one->inode && one->inode == two->inode) return true;
    if (!Model::removable(*one) || !Model::removable(*two)) return false;
    model_.exchange(*one, *two);
    return true;
  }

  bool link(Node* node, const std::string& path) {
    Node* directory = directory_of(path);
    if (node && node->inode && directory && !at(path))
      model_.add_link(*directory, name_of(path), *node);
    return true;
  }

  void let_go(const Node& node) {
    if (held_ == &node) held_ = nullptr;
  }

  Model model_;
  Node* held_ = nullptr;
  std::shared_ptr<Inode> inode_;
};

// Operations that make what stands below a directory.
void rebuild(const Node& directory, std::vector<Operation>& script) {
  for (const auto& [name, node] : directory.children) {
    const std::string path = Model::path(*node);
    const bool linked = node->inode && node->inode->names.front() != node.get();
    if (linked) continue;
    switch (node->kind) {
      case Kind::directory:
        if (!node->fixed) script.push_back({.verb = Verb::mkdir, .path = path});
        break;
      case Kind::file:
        if (const std::string& text = node->inode->text; text.empty())
          script.push_back({.verb = Verb::write, .path = path, .number = 100});
        else
          script.push_back({.verb = Verb::rules, .path = path, .other = text});
        break;
      case Kind::symlink:
        if (const std::string& text = node->inode->text; text.empty())
          script.push_back({.verb = Verb::symlink, .path = path, .other = "nowhere"});
        else
          script.push_back({.verb = Verb::lead, .path = path, .other = text});
        break;
      case Kind::other:
        script.push_back({.verb = Verb::fifo, .path = path});
        break;
    }
    rebuild(*node, script);
  }
}

void rebuild_links(const Node& directory, std::vector<Operation>& script) {
  for (const auto& [name, node] : directory.children) {
    if (node->inode && node->inode->names.front() != node.get())
      script.push_back({.verb = Verb::link,
                        .path = Model::path(*node->inode->names.front()),
                        .other = Model::path(*node)});
    rebuild_links(*node, script);
  }
}

}  // namespace

std::optional<Operation> blind_spot(const std::vector<Operation>& script, bool unprivileged) {
  Interpreter interpreter;
  auto found = std::find_if(script.begin(), script.end(), [&](const Operation& each) {
    if (unprivileged && each.verb == Verb::rest && interpreter.locked()) return true;
    return !interpreter.run(each);
  });
  if (found == script.end() && unprivileged && interpreter.locked()) return script.back();
  return found == script.end() ? std::nullopt : std::optional(*found);
}

std::vector<Operation> condense(const std::vector<Operation>& script) {
  auto is_rest = [](const Operation& each) { return each.verb == Verb::rest; };
  // The last rest may be the one that the failing interval ends with.
  std::size_t end = script.size();
  while (end > 0 && is_rest(script[end - 1])) --end;
  while (end > 0 && !is_rest(script[end - 1])) --end;
  Interpreter interpreter;
  for (std::size_t i = 0; i < end; ++i) interpreter.run(script[i]);
  std::vector<Operation> shorter;
  const Model& model = interpreter.model();
  std::vector<const Node*> tops(model.roots().begin(), model.roots().end());
  tops.push_back(&model.side());
  for (const Node* top : tops) rebuild(*top, shorter);
  for (const Node* top : tops) rebuild_links(*top, shorter);
  shorter.push_back({.verb = Verb::rest});
  shorter.insert(shorter.end(), script.begin() + static_cast<std::ptrdiff_t>(end), script.end());
  return shorter;
}

}  // namespace lookout::oracle
