#include "mutator/generator.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace lookout::oracle {
namespace {

constexpr std::size_t kManyNodes = 500;  // above this, what is large is removed rather than grown

const std::vector<std::string>& plain_names() {
  static const std::vector<std::string> names{"a", "b", "c", "d", "e", "f"};
  return names;
}

const std::vector<std::string>& odd_names() {
  static const std::vector<std::string> names{"new\nline",
                                              "\xff\xfe",
                                              std::string(255, 'L'),
                                              "-rf",
                                              "a space",
                                              "\xc3\xa9t\xc3\xa9",
                                              std::string(255, '\xf0'),
                                              "\\back",
                                              "#",
                                              ".hidden"};
  return names;
}

void load(Model& model, Node& directory, const SnapshotNode& found) {
  constexpr Kind kinds[] = {Kind::file, Kind::directory, Kind::symlink, Kind::other};
  for (const auto& [name, child] : found.children) {
    Node& node = model.add(directory, name, kinds[static_cast<std::size_t>(child->type)]);
    node.fixed = name == "flood" || name == "flood2" || name == "inner";
    node.mounted = child->mounted;
    load(model, node, *child);
  }
}

}  // namespace

Generator::Generator(GeneratorOptions options)
    : options_(options), random_(options.seed), model_(options.roots) {
  if (options.nested) add_inner();
}

void Generator::add_inner() {
  Node& root = *model_.roots()[0];
  if (!Model::child(root, "inner")) model_.add(root, "inner", Kind::directory).fixed = true;
}

std::vector<Operation> Generator::existing(std::size_t count) {
  // Another writer may not have opened the workspace yet, which it does by its path.
  const bool lost_parents = std::exchange(options_.lost_parents, false);
  draw(count);
  options_.lost_parents = lost_parents;
  return finish();
}

std::vector<Operation> Generator::interval(std::size_t count) {
  if (options_.stalls) {
    draw(count / 3);
    drawn_.push_back({.verb = Verb::stall});
    draw(count / 3);
    drawn_.push_back({.verb = Verb::flood, .path = "r0/flood", .number = options_.flood});
    if (!Model::child(*model_.roots()[0], "flood")) {
      for (const char* name : {"flood", "flood2"})
        model_.add(*model_.roots()[0], name, Kind::file).fixed = true;
    }
    draw(count / 3);
    drawn_.push_back({.verb = Verb::resume});
    if (random_.one_in(2)) draw(count / 3);
  } else {
    draw(count);
  }
  return finish();
}

std::vector<Operation> Generator::finish() {
  close_held();
  unlock_all();
  drawn_.push_back({.verb = Verb::rest});
  model_.rest();
  return std::exchange(drawn_, {});
}

void Generator::reload(const SnapshotNode& workspace) {
  model_ = Model(options_.roots);
  for (Node* root : model_.roots()) {
    auto found = workspace.children.find(root->name);
    if (found == workspace.children.end()) continue;
    root->mounted = found->second->mounted;
    load(model_, *root, *found->second);
  }
  auto side = workspace.children.find("side");
  if (side != workspace.children.end()) load(model_, model_.side(), *side->second);
}

void Generator::draw(std::size_t count) {
  std::size_t wanted = drawn_.size() + count;
  while (drawn_.size() < wanted) act();
}

const std::vector<Generator::Weighted>& Generator::actions() {
  static const std::vector<Weighted> table{
      {14, &Generator::create_file},
      {10, &Generator::make_nested},
      {16, &Generator::change_file},
      {3, &Generator::change_directory},
      {8, &Generator::remove_file},
      {5, &Generator::remove_directory},
      {10, &Generator::rename_file},
      {9, &Generator::rename_directory_and_write},
      {4, &Generator::move_out},
      {6, &Generator::move_in},
      {5, &Generator::delete_and_recreate},
      {5, &Generator::replace_atomically},
      {4, &Generator::rename_over_empty_directory},
      {7, &Generator::hard_link},
      {2, &Generator::rename_between_links},
      {4, &Generator::symbolic_link},
      {4, &Generator::swap_by_exchange},
      {4, &Generator::rename_chain},
      {3, &Generator::swap_through_a_temporary},
      {3, &Generator::directory_becomes_file},
      {3, &Generator::remake_renamed_directory},
      {2, &Generator::special_file},
      {1, &Generator::deep_path},
      {1, &Generator::many_files},
      {2, &Generator::nameless_file},
      {3, &Generator::hold_and_write},
      {3, &Generator::short_lived},
      {3, &Generator::rotate},
      {6, &Generator::pause},
      {2, &Generator::moved_while_written},
      {6, &Generator::lock_directory},
      {2, &Generator::lose_root},
      {2, &Generator::lose_parent},
      {4, &Generator::mount_or_unmount},
  };
  return table;
}

void Generator::act() {
  if (full() && random_.one_in(2)) return remove_directory();
  if ((options_.rules || options_.leads) && random_.one_in(6)) return act_on_filter();
  act_from(actions());
}

void Generator::act_from(const std::vector<Weighted>& table) {
  unsigned total = 0;
  for (const Weighted& each : table) total += each.weight;
  assert(total > 0);
  std::uint64_t drawn = random_.below(total);
  for (const Weighted& each : table) {
    if (drawn < each.weight) return (this->*each.action)();
    drawn -= each.weight;
  }
}

std::string Generator::any_name() {
  if (options_.rules && random_.one_in(20)) {
    // What a link named .git leads to is only checked with the link.
    return !options_.leads && random_.one_in(5) ? ".git" : ".gitignore";
  }
  const auto& names = random_.one_in(5) ? odd_names() : plain_names();
  return names[random_.below(names.size())];
}

std::string Generator::free_name(const Node& directory) {
  for (int i = 0; i < 4; ++i) {
    std::string name = any_name();
    if (!Model::child(directory, name)) return name;
  }
  std::string name;
  do {
    name = "t" + std::to_string(++temporaries_);
  } while (Model::child(directory, name));
  return name;
}

bool Generator::full() const {
  std::size_t nodes = 0;
  for (const Node* root : model_.roots()) nodes += Model::size(*root);
  return nodes + Model::size(model_.side()) > kManyNodes;
}

Node* Generator::any_directory() {
  return model_.pick(random_, [](const Node& node) { return node.kind == Kind::directory; });
}

Node* Generator::any_file() {
  return model_.pick(random_, [this](const Node& node) {
    return node.kind == Kind::file && model_.writable(node);
  });
}

Node* Generator::any_non_directory() {
  return model_.pick(random_, [](const Node& node) {
    return node.kind != Kind::directory && Model::removable(node);
  });
}

Node* Generator::any_movable_directory() {
  return model_.pick(random_, [](const Node& node) {
    return node.kind == Kind::directory && Model::removable(node);
  });
}

void Generator::emit(Verb verb, const Node& node, std::uint64_t number) {
  drawn_.push_back({.verb = verb, .path = Model::path(node), .number = number});
}

Node& Generator::make_directory(Node& directory, const std::string& name) {
  Node& made = model_.add(directory, name, Kind::directory);
  emit(Verb::mkdir, made);
  return made;
}

Node& Generator::write_new(Node& directory, const std::string& name) {
  Node& file = model_.add(directory, name, Kind::file);
  emit(Verb::write, file, random_.below(3) * random_.below(2000));
  return file;
}

void Generator::change_content(Node& file, Verb verb) {
  std::uint64_t number = random_.between(1, 3000);
  // A file named .git, and the files in such a directory, do not count if others may write them.
  const std::uint64_t allowed = options_.rules ? 0775 : 0777;
  if (verb == Verb::chmod) number = (0600 | random_.below(0200)) & allowed;
  if (verb == Verb::utimes) number = random_.between(1'000'000'000, 1'000'000'005);
  emit(verb, file, number);
  model_.written(file);
}

void Generator::rename(Node& node, Node& directory, const std::string& name) {
  std::string target = Model::path(directory) + '/' + name;
  drawn_.push_back({.verb = Verb::rename, .path = Model::path(node), .other = target});
  if (Node* replaced = Model::child(directory, name);
      replaced && replaced == held_ && replaced->inode != node.inode)
    close_held();
  model_.move(node, directory, name);
}

void Generator::remove_one(Node& node) {
  if (held_ == &node) close_held();
  emit(node.kind == Kind::directory ? Verb::rmdir : Verb::unlink, node);
  model_.remove(node);
}

void Generator::remove_subtree(Node& node) {
  while (!node.children.empty()) remove_subtree(*node.children.begin()->second);
  remove_one(node);
}

void Generator::close_held() {
  if (!held_) return;
  drawn_.push_back({.verb = Verb::hold_close});
  held_ = nullptr;
}

}  // namespace lookout::oracle
