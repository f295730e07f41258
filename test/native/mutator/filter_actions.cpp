// Actions that confuse a watcher that filters: files that say what git ignores, and symbolic links
// to directories.
#include <string>
#include <utility>
#include <vector>

#include "mutator/generator.h"

namespace lookout::oracle {
namespace {

constexpr const char* kRules = ".gitignore";

// Whether a file or a link can be renamed to this place.
bool may_come_to(const Node& directory, const std::string& name) {
  const Node* target = Model::child(directory, name);
  return !target || (target->kind != Kind::directory && Model::removable(*target));
}

std::string draw_pattern(Random& random) {
  constexpr const char* kNames[] = {"a", "b", "c", "d", "e", "f"};
  constexpr const char* kGlobs[] = {"t*", "m?",  "m1*",   "[ab]",  "[!a-e]", "L*",     ".hid*",
                                    "-*", "\\#", "busy*", "a\\ *", "\\\\*",  "*\xc3*", ".g*"};
  std::string name = random.one_in(4) ? kGlobs[random.below(std::size(kGlobs))]
                                      : kNames[random.below(std::size(kNames))];
  const std::string other = kNames[random.below(std::size(kNames))];
  switch (random.below(10)) {
    case 0:
      return '/' + name;
    case 1:
      return name + '/';
    case 2:
      return "**/" + name + '/' + other;
    case 3:
      return name + "/**";
    case 4:
      return other + "/**/" + name;
    case 5:
      return other + '/' + name;
    case 6:
      return '/' + name + '/';
    case 7:
      return random.one_in(6) ? "*" : name + "/*";
    default:
      return name;
  }
}

}  // namespace

std::vector<std::string> draw_rules(Random& random) {
  std::vector<std::string> lines;
  for (std::uint64_t i = random.between(1, 4); i > 0; --i) {
    const bool exception = !lines.empty() && random.one_in(3);
    lines.push_back((exception ? "!" : "") + draw_pattern(random));
  }
  if (random.one_in(8)) lines.insert(lines.begin(), "# a");
  return lines;
}

void Generator::act_on_filter() {
  static const std::vector<Weighted> rules{
      {5, &Generator::write_rules},       {3, &Generator::replace_rules},
      {3, &Generator::move_rules},        {3, &Generator::remove_rules},
      {1, &Generator::change_repository},
  };
  static const std::vector<Weighted> leads{
      {5, &Generator::lead_somewhere},
      {3, &Generator::lead_elsewhere},
      {2, &Generator::swap_targets},
      {4, &Generator::change_outside},
  };
  const bool both = options_.rules && options_.leads;
  act_from((both ? random_.one_in(2) : options_.rules) ? rules : leads);
}

Node* Generator::any_rules() {
  return model_.pick(random_, [](const Node& node) {
    return node.name == kRules && node.kind != Kind::directory && Model::removable(node);
  });
}

void Generator::write_rules() {
  Node* directory = any_directory();
  if (!directory) return;
  Node* file = Model::child(*directory, kRules);
  if (file && (file->kind != Kind::file || !model_.writable(*file))) return;
  if (!file) file = &model_.add(*directory, kRules, Kind::file);
  std::string text;
  for (const std::string& line : draw_rules(random_)) text += line + '\n';
  if (random_.one_in(6)) text.pop_back();
  drawn_.push_back({.verb = Verb::rules, .path = Model::path(*file), .other = text});
  model_.written(*file);
}

void Generator::replace_rules() {
  Node* directory = any_directory();
  if (!directory || !may_come_to(*directory, kRules)) return;
  Node& made = model_.add(*directory, free_name(*directory), Kind::file);
  std::string text;
  for (const std::string& line : draw_rules(random_)) text += line + '\n';
  drawn_.push_back({.verb = Verb::rules, .path = Model::path(made), .other = text});
  if (made.name != kRules) rename(made, *directory, kRules);
}

void Generator::move_rules() {
  Node* file = any_rules();
  Node* directory = random_.one_in(2) && file ? file->parent : any_directory();
  if (!file || !directory) return;
  const std::string name = directory == file->parent ? any_name() : kRules;
  if (may_come_to(*directory, name)) rename(*file, *directory, name);
}

void Generator::remove_rules() {
  if (Node* file = any_rules()) remove_one(*file);
}

// Where .git stands a repository begins: what is said above it does not count.
void Generator::change_repository() {
  Node* directory = any_directory();
  if (!directory) return;
  Node* git = Model::child(*directory, ".git");
  if (!git) {
    make_directory(*directory, ".git");
  } else if (Model::removable(*git) && Model::size(*git) < 20) {
    remove_subtree(*git);
  }
}

// The target of another link, or the path of a directory or of a link; in a third of the cases, the
// path of a name below it, which need not exist.
std::string Generator::any_target() {
  if (random_.one_in(4)) {
    if (const Node* link = any_link(); link && !link->inode->text.empty()) return link->inode->text;
  }
  const bool outside = random_.one_in(2);
  Node& top = outside ? model_.side() : *model_.roots()[random_.below(model_.roots().size())];
  const bool through = random_.one_in(4);
  Node* target = model_.pick_below(random_, top, [through](const Node& node) {
    return node.kind == (through ? Kind::symlink : Kind::directory);
  });
  if (!target) target = &top;
  std::string path = Model::path(*target);
  if (random_.one_in(3)) path += '/' + any_name();
  return path.size() < 1000 ? path : std::string("side");
}

void Generator::lead(Node& directory, const std::string& name, const std::string& target) {
  Node& link = model_.add(directory, name, Kind::symlink);
  link.inode->text = target;
  drawn_.push_back({.verb = Verb::lead, .path = Model::path(link), .other = target});
}

Node* Generator::any_link() {
  return model_.pick(random_, [](const Node& node) {
    return node.kind == Kind::symlink && Model::removable(node);
  });
}

void Generator::lead_somewhere() {
  if (Node* directory = any_directory()) lead(*directory, free_name(*directory), any_target());
}

void Generator::lead_elsewhere() {
  Node* link = any_link();
  if (!link) return lead_somewhere();
  Node& directory = *link->parent;
  const std::string name = link->name;
  const std::string target = any_target();
  if (random_.one_in(2)) {
    remove_one(*link);
    return lead(directory, name, target);
  }
  const std::string made = free_name(directory);
  lead(directory, made, target);
  rename(*Model::child(directory, made), directory, name);
}

// Two links lead to each other's targets.
void Generator::swap_targets() {
  Node* one = any_link();
  Node* other = any_link();
  if (!one || !other || one == other || one->inode->text.empty() || other->inode->text.empty())
    return lead_somewhere();
  struct Place {
    Node* directory;
    std::string name;
    std::string target;
  };
  std::vector<Place> places;
  for (const auto& [link, target] :
       {std::pair(one, other->inode->text), std::pair(other, one->inode->text)}) {
    places.push_back({link->parent, link->name, target});
  }
  remove_one(*one);
  remove_one(*other);
  for (const Place& place : places) lead(*place.directory, place.name, place.target);
}

// What links lead to changes.
void Generator::change_outside() {
  Node* directory = model_.pick_below(
      random_, model_.side(), [](const Node& node) { return node.kind == Kind::directory; });
  switch (random_.below(4)) {
    case 0:
      write_new(make_directory(*directory, free_name(*directory)), any_name());
      break;
    case 1:
      if (Model::removable(*directory) && Model::size(*directory) < 30)
        return remove_subtree(*directory);
      [[fallthrough]];
    case 2:
      write_new(*directory, free_name(*directory));
      break;
    default:
      if (Model::removable(*directory)) rename(*directory, model_.side(), free_name(model_.side()));
  }
}

}  // namespace lookout::oracle
