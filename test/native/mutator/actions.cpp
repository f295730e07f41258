// The generator's actions: what is done to the tree, a few operations at a time.
#include <algorithm>
#include <array>

#include "mutator/generator.h"

namespace lookout::oracle {
namespace {

constexpr std::array kContentVerbs{Verb::append, Verb::append,    Verb::overwrite, Verb::truncate,
                                   Verb::write,  Verb::overwrite, Verb::chmod,     Verb::utimes};

bool empty_directory(const Node& node) {
  return node.kind == Kind::directory && node.children.empty() && Model::removable(node);
}

// Whether rename(2) lets `node` take the place of `target`, and nothing pinned is lost.
bool may_replace(const Node& node, const Node* target) {
  if (!target) return true;
  return node.kind != Kind::directory && target->kind != Kind::directory &&
         Model::removable(*target);
}

}  // namespace

void Generator::create_file() {
  Node* directory = any_directory();
  if (!directory) return;
  std::string name = any_name();
  Node* existing = Model::child(*directory, name);
  if (!existing) {
    write_new(*directory, name);
  } else if (existing->kind == Kind::file && model_.writable(*existing)) {
    change_content(*existing, Verb::write);
  }
}

void Generator::make_nested() {
  Node* directory = any_directory();
  for (std::uint64_t depth = random_.between(1, 5); directory && depth > 0; --depth) {
    directory = &make_directory(*directory, free_name(*directory));
    for (std::uint64_t files = random_.below(3); files > 0; --files)
      write_new(*directory, free_name(*directory));
    if (random_.one_in(4)) make_directory(*directory, free_name(*directory));
  }
}

void Generator::change_file() {
  Node* file = any_file();
  if (!file) return;
  for (std::uint64_t times = random_.between(1, 3); times > 0; --times)
    change_content(*file, kContentVerbs[random_.below(kContentVerbs.size())]);
}

void Generator::change_directory() {
  Node* directory = any_directory();
  if (!directory || directory->fixed) return;
  // Files of rules do not count in a directory that others may write.
  const std::uint64_t allowed = options_.rules ? 0755 : 0777;
  emit(random_.one_in(3) ? Verb::utimes : Verb::chmod, *directory,
       (options_.readable ? 0755 : 0700 | random_.below(0100)) & allowed);
}

void Generator::remove_file() {
  if (Node* node = any_non_directory()) remove_one(*node);
}

void Generator::remove_directory() {
  Node* directory = any_movable_directory();
  if (directory && Model::size(*directory) <= (full() ? 400u : 40u)) remove_subtree(*directory);
}

void Generator::rename_file() {
  Node* node = any_non_directory();
  Node* directory = any_directory();
  if (!node || !directory) return;
  std::string name = any_name();
  if (!may_replace(*node, Model::child(*directory, name))) return;
  bool write = random_.one_in(2) && node->kind == Kind::file && model_.writable(*node);
  if (write && random_.one_in(2)) change_content(*node, Verb::append);
  if (!Model::removable(*node)) return;  // pinned by that write
  rename(*node, *directory, name);
  if (write && model_.writable(*node)) change_content(*node, Verb::append);
}

void Generator::rename_directory_and_write() {
  Node* moved = any_movable_directory();
  Node* directory = any_directory();
  if (!moved || !directory || Model::below(*directory, *moved)) return;
  std::string name = any_name();
  if (Model::child(*directory, name)) return;
  rename(*moved, *directory, name);
  write_new(*moved, free_name(*moved));
  Node* file = model_.pick_below(random_, *moved, [this](const Node& node) {
    return node.kind == Kind::file && model_.writable(node);
  });
  if (file) change_content(*file, Verb::append);
  if (random_.one_in(3)) write_new(make_directory(*moved, free_name(*moved)), any_name());
}

void Generator::move_out() {
  Node& from = *model_.roots()[random_.below(model_.roots().size())];
  Node* node = model_.pick_below(random_, from, Model::removable);
  if (!node) return;
  rename(*node, model_.side(), free_name(model_.side()));
  Node* file = model_.pick_below(random_, *node, [this](const Node& each) {
    return each.kind == Kind::file && model_.writable(each);
  });
  if (file && random_.one_in(2)) change_content(*file, Verb::append);
  Node* directory = any_directory();
  if (random_.one_in(3) && directory && !Model::below(*directory, *node))
    rename(*node, *directory, free_name(*directory));
}

void Generator::move_in() {
  Node* node = model_.pick_below(random_, model_.side(), Model::removable);
  Node& root = *model_.roots()[random_.below(model_.roots().size())];
  Node* directory = model_.pick_below(
      random_, root, [](const Node& each) { return each.kind == Kind::directory; });
  if (!node) {
    make_directory(model_.side(), free_name(model_.side()));
    return;
  }
  std::string name = any_name();
  if (!may_replace(*node, Model::child(*directory, name))) return;
  rename(*node, *directory, name);
  if (node->kind == Kind::directory && random_.one_in(2)) write_new(*node, free_name(*node));
}

void Generator::delete_and_recreate() {
  Node* node = any_non_directory();
  if (!node) return;
  Node& parent = *node->parent;
  std::string name = node->name;
  remove_one(*node);
  if (random_.one_in(4)) {
    make_directory(parent, name);
  } else {
    write_new(parent, random_.one_in(3) ? free_name(parent) : name);
  }
}

void Generator::replace_atomically() {
  Node* node = any_non_directory();
  if (!node) return;
  Node& parent = *node->parent;
  std::string name = node->name;
  Node& temporary = write_new(parent, free_name(parent));
  if (random_.one_in(3)) change_content(temporary, Verb::append);
  rename(temporary, parent, name);
}

void Generator::rename_over_empty_directory() {
  Node* target = model_.pick(random_, empty_directory);
  Node* moved = any_movable_directory();
  if (!target || !moved || target == moved || Model::below(*target, *moved)) return;
  rename(*moved, *target->parent, std::string(target->name));
}

void Generator::hard_link() {
  if (!options_.hard_links) return create_file();
  Node* file = any_file();
  Node* directory = any_directory();
  if (!file || !directory) return;
  Node& link = model_.add_link(*directory, free_name(*directory), *file);
  drawn_.push_back({.verb = Verb::link, .path = Model::path(*file), .other = Model::path(link)});
  Node& written = random_.one_in(2) ? link : *file;
  if (random_.one_in(2) && model_.writable(written))
    change_content(written, kContentVerbs[random_.below(kContentVerbs.size())]);
}

void Generator::rename_between_links() {
  Node* one = model_.pick(random_, [](const Node& node) {
    return node.inode && node.inode->names.size() > 1 && Model::removable(node);
  });
  if (!one) return;
  Node& two = *one->inode->names[random_.below(one->inode->names.size())];
  if (&two != one) rename(*one, *two.parent, std::string(two.name));
}

void Generator::symbolic_link() {
  static const std::vector<std::string> targets{".", "..",      "a",     "../b", "nowhere/at/all",
                                                "/", "../side", "\xff\n"};
  static const std::vector<std::string> not_above{".",   "a/b",  "a",     "../b", "nowhere/at/all",
                                                  "b/c", "../a", "\xff\n"};
  Node* directory = any_directory();
  if (!directory) return;
  Node& link = model_.add(*directory, free_name(*directory), Kind::symlink);
  const std::vector<std::string>& drawn = options_.leads ? not_above : targets;
  std::string target = random_.one_in(4) ? link.name : drawn[random_.below(drawn.size())];
  drawn_.push_back({.verb = Verb::symlink, .path = Model::path(link), .other = target});
  if (random_.one_in(4)) emit(Verb::utimes, link, 1'000'000'000);
}

void Generator::swap_by_exchange() {
  Node* one = model_.pick(random_, Model::removable);
  Node* two = model_.pick(random_, Model::removable);
  if (!one || !two || Model::below(*one, *two) || Model::below(*two, *one)) return;
  if (one->inode && one->inode == two->inode) return;
  drawn_.push_back({.verb = Verb::exchange, .path = Model::path(*one), .other = Model::path(*two)});
  model_.exchange(*one, *two);
}

void Generator::rename_chain() {
  Node* node = model_.pick(random_, Model::removable);
  for (std::uint64_t steps = random_.between(2, 4); node && steps > 0; --steps) {
    Node* directory = random_.one_in(2) ? node->parent : any_directory();
    if (!directory || Model::below(*directory, *node) || !Model::removable(*node)) continue;
    rename(*node, *directory, free_name(*directory));
    if (node->kind == Kind::file && model_.writable(*node) && random_.one_in(2))
      change_content(*node, kContentVerbs[random_.below(kContentVerbs.size())]);
  }
}

void Generator::swap_through_a_temporary() {
  Node* one = model_.pick(random_, Model::removable);
  Node* two = model_.pick(random_, Model::removable);
  if (!one || !two || Model::below(*one, *two) || Model::below(*two, *one)) return;
  Node& one_parent = *one->parent;
  Node& two_parent = *two->parent;
  std::string one_name = one->name;
  std::string two_name = two->name;
  if (Model::child(one_parent, "swap")) return;
  rename(*one, one_parent, "swap");
  rename(*two, one_parent, one_name);
  rename(*one, two_parent, two_name);
}

void Generator::directory_becomes_file() {
  Node* directory = any_movable_directory();
  if (!directory || Model::size(*directory) > 20) return;
  Node& parent = *directory->parent;
  std::string name = directory->name;
  remove_subtree(*directory);
  Node& file = write_new(parent, name);
  if (random_.one_in(2)) return;
  remove_one(file);
  write_new(make_directory(parent, name), any_name());
}

void Generator::remake_renamed_directory() {
  Node* directory = any_movable_directory();
  if (!directory) return;
  Node& parent = *directory->parent;
  std::string name = directory->name;
  rename(*directory, parent, free_name(parent));
  Node& made = make_directory(parent, name);
  for (int i = 0; i < 2; ++i) write_new(made, free_name(made));
  if (random_.one_in(2)) write_new(*directory, free_name(*directory));
}

void Generator::special_file() {
  Node* directory = any_directory();
  if (!directory) return;
  Node& node = model_.add(*directory, free_name(*directory), Kind::other);
  emit(random_.one_in(2) ? Verb::fifo : Verb::socket, node);
}

void Generator::deep_path() {
  if (!random_.one_in(4)) return;
  Node* directory = any_directory();
  if (!directory || Model::path(*directory).size() > 2000) return;
  for (int i = 0; i < 18; ++i) {
    std::string name(255, static_cast<char>('a' + i));
    if (Model::child(*directory, name)) name = free_name(*directory);
    directory = &make_directory(*directory, name);
    if (random_.one_in(4)) write_new(*directory, any_name());
  }
  write_new(*directory, "deep");
}

void Generator::many_files() {
  if (full() || !random_.one_in(2)) return;
  Node* directory = any_directory();
  if (!directory) return;
  Node& made = make_directory(*directory, free_name(*directory));
  for (std::uint64_t i = random_.between(50, 150); i > 0; --i)
    write_new(made, "m" + std::to_string(i));
}

void Generator::nameless_file() {
  Node* directory = any_directory();
  if (!directory) return;
  Node& node = model_.add(*directory, free_name(*directory), Kind::file);
  emit(Verb::tmpfile, node, random_.between(1, 500));
}

void Generator::hold_and_write() {
  if (!held_) {
    held_ = any_file();
    if (held_) emit(Verb::hold, *held_);
  } else {
    if (model_.writable(*held_)) {
      drawn_.push_back({.verb = Verb::hold_write, .number = random_.between(1, 500)});
      model_.written(*held_);
    }
    if (random_.one_in(2)) close_held();
  }
}

void Generator::short_lived() {
  Node* directory = any_directory();
  if (!directory) return;
  Node* node = &write_new(*directory, free_name(*directory));
  if (random_.one_in(2)) rename(*node, *directory, free_name(*directory));
  if (random_.one_in(3)) drawn_.push_back({.verb = Verb::pause, .number = random_.below(300)});
  remove_one(*node);
}

void Generator::rotate() {
  Node* file = model_.pick(
      random_, [](const Node& node) { return node.kind == Kind::file && Model::removable(node); });
  if (!file) return;
  Node& parent = *file->parent;
  std::string name = file->name;
  rename(*file, parent, free_name(parent));
  Node& made = write_new(parent, name);
  change_content(made, Verb::append);
}

void Generator::pause() {
  drawn_.push_back({.verb = Verb::pause,
                    .number = random_.one_in(5) ? random_.below(20'000) : random_.below(500)});
}

}  // namespace lookout::oracle
