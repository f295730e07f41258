// Actions that are drawn only where a trial asks for them.
#include <string>
#include <utility>

#include "mutator/generator.h"

namespace lookout::oracle {
namespace {

constexpr std::size_t kMaxLost = 60;  // entries of a root that is emptied one by one

bool holds_fixed(const Node& directory) {
  for (const auto& [name, node] : directory.children) {
    if (node->fixed || holds_fixed(*node)) return true;
  }
  return false;
}

}  // namespace

void Generator::moved_while_written() {
  Node* moved = any_movable_directory();
  Node* directory = any_directory();
  if (full() || !moved || !directory || Model::below(*directory, *moved)) return;
  const auto busy = moved->children.lower_bound("busy");
  if (busy != moved->children.end() && busy->first.starts_with("busy")) return;
  const std::string name = free_name(*directory);
  const std::uint64_t count = random_.between(5, 40);
  drawn_.push_back({.verb = Verb::move_busy,
                    .path = Model::path(*moved),
                    .other = Model::path(*directory) + '/' + name,
                    .number = count});
  for (std::uint64_t i = 0; i < count; ++i)
    model_.add(*moved, "busy" + std::to_string(i), Kind::file);
  model_.move(*moved, *directory, name);
}

// Root may read what is locked, and so may the mutator then.
void Generator::lock_directory() {
  if (!options_.locks) return;
  Node* directory = any_directory();
  if (!directory || directory->fixed) return;
  constexpr std::uint64_t kModes[] = {0700, 0711, 0744, 0};
  directory->locked = !directory->locked;
  emit(Verb::chmod, *directory, directory->locked ? kModes[random_.below(4)] : 0755);
}

void Generator::unlock_all() {
  model_.visit([this](Node& node) {
    if (std::exchange(node.locked, false)) emit(Verb::chmod, node, 0755);
  });
}

// A root with all below it stands outside now, and nothing at its place.
Node& Generator::take_away(Node& root) {
  Node& away = model_.add(model_.side(), free_name(model_.side()), Kind::directory);
  drawn_.push_back({.verb = Verb::rename, .path = Model::path(root), .other = Model::path(away)});
  while (!root.children.empty()) {
    Node& child = *root.children.begin()->second;
    model_.move(child, away, std::string(child.name));
  }
  return away;
}

void Generator::lose_root() {
  if (!options_.lost_roots) return;
  Node& root = *model_.roots()[random_.below(model_.roots().size())];
  if (holds_fixed(root)) return;
  const bool removed = Model::size(root) <= kMaxLost && random_.one_in(3);
  Node* away = nullptr;
  if (removed) {
    while (!root.children.empty()) remove_subtree(*root.children.begin()->second);
    emit(Verb::rmdir, root);
  } else {
    away = &take_away(root);
  }
  if (random_.one_in(2)) pause();
  if (away) write_new(*away, free_name(*away));
  if (removed || random_.one_in(2)) {
    emit(Verb::mkdir, root);
    for (int i = 0; i < 2; ++i) write_new(root, free_name(root));
    return;
  }
  drawn_.push_back({.verb = Verb::rename, .path = Model::path(*away), .other = Model::path(root)});
  while (!away->children.empty()) {
    Node& child = *away->children.begin()->second;
    model_.move(child, root, std::string(child.name));
  }
  model_.remove(*away);
}

void Generator::lose_parent() {
  if (!options_.lost_parents) return;
  drawn_.push_back({.verb = Verb::replace_parent, .number = random_.below(kParentKinds)});
  if (random_.one_in(2)) pause();
  for (std::uint64_t i = random_.below(4); i > 0; --i) create_file();
  if (random_.one_in(2)) pause();
  drawn_.push_back({.verb = Verb::restore_parent});
}

void Generator::mount_or_unmount() {
  if (!options_.mounts) return;
  const auto mounted = [](const Node& node) { return node.mounted; };
  if (Node* place = random_.one_in(2) ? model_.pick(random_, mounted) : nullptr) {
    emit(Verb::umount, *place);
    mounts_changed(*place, false);
  } else if (random_.one_in(3)) {
    Node* directory = any_directory();
    if (!directory || holds_fixed(*directory) || directory == &model_.side()) return;
    emit(Verb::mount, *directory);
    mounts_changed(*directory, true);
  } else {
    bind();
  }
}

// A directory over a directory, which may hold it or be in it, or a file over a file.
void Generator::bind() {
  const bool directories = random_.one_in(2);
  const bool special = !directories && random_.one_in(8);
  const auto may_be = [&](const Node& node) {
    if (directories) return node.kind == Kind::directory;
    return node.kind == Kind::file || (special && node.kind == Kind::other);
  };
  Node* place = model_.pick(random_, may_be);
  Node* source = random_.one_in(2) ? model_.pick(random_, may_be)
                                   : model_.pick_below(random_, model_.side(), may_be);
  // Each such mount may double what is visible.
  if (!place || !source || place == &model_.side() || holds_fixed(*place)) return;
  if (directories && full()) return;
  drawn_.push_back(
      {.verb = Verb::bind, .path = Model::path(*place), .other = Model::path(*source)});
  mounts_changed(*place, true);
}

// What is visible at `place` is known again at the next rest.
void Generator::mounts_changed(Node& place, bool mounted) {
  place.mounted = mounted;
  close_held();
  model_.clear(place);
}

}  // namespace lookout::oracle
