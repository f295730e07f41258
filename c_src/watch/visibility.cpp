#include "watch/visibility.h"

#include <utility>

namespace lookout {
namespace {

// Views are cheap to make again, from the parent's.
constexpr std::size_t kMostViews = 4096;

bool same(const ScopePtr& a, const ScopePtr& b) {
  return a == b || (a && b && a->same_as(*b));
}

}  // namespace

Filter::Filter(const WatchOptions& options) : gitignore(options.gitignore) {
  if (!options.ignore.empty()) ignore = Rules::of(options.ignore);
  if (!options.only.empty()) only = Rules::of(options.only);
}

void Visibility::plant(NodeId root, std::string single, const Filter& filter,
                       const ScopePtr& above) {
  if (!single.empty()) {
    roots_[root].single = std::move(single);
    return;
  }
  if (filter.shows_all()) return;
  View& base = roots_[root].base;
  base.gitignore = filter.gitignore;
  if (filter.ignore || filter.gitignore) base.ignore = above ? above : Scope::empty();
  if (filter.ignore) base.ignore = base.ignore->with(filter.ignore, Scope::Rank::option);
  if (filter.only) base.only = Scope::empty()->with(filter.only, Scope::Rank::option);
}

void Visibility::forget(NodeId directory) {
  roots_.erase(directory);
  found_.erase(directory);
  views_.erase(directory);
}

bool Visibility::names_rules(NodeId directory, std::string_view name) {
  return (name == ".gitignore" || name == ".git") && reads_rules(directory);
}

bool Visibility::learn(NodeId directory, RuleFiles files) {
  const auto known = found_.find(directory);
  if (files == (known == found_.end() ? RuleFiles{} : known->second.files)) return false;
  if (files == RuleFiles{}) {
    found_.erase(known);
  } else {
    DirectoryRules rules = files.rules();
    found_[directory] = {std::move(files), std::move(rules)};
  }
  views_.clear();
  return true;
}

const std::string* Visibility::single_name(NodeId directory) const {
  const auto root = roots_.find(directory);
  return root == roots_.end() || root->second.single.empty() ? nullptr : &root->second.single;
}

bool Visibility::shows(NodeId directory, std::string_view name, EntryType type) {
  if (roots_.empty()) return true;
  if (const std::string* single = single_name(directory)) return *single == name;
  return view(directory).shows(name, type == EntryType::directory);
}

bool Visibility::may_show(NodeId directory, std::string_view name) {
  return shows(directory, name, EntryType::directory) || shows(directory, name, EntryType::file);
}

bool Visibility::shows_path(NodeId directory, const std::vector<std::string_view>& names,
                            EntryType type) {
  View at = view(directory);
  for (std::size_t i = 0; i < names.size(); ++i) {
    const bool last = i + 1 == names.size();
    if (!at.shows(names[i], !last || type == EntryType::directory)) return false;
    at = at.enter(names[i]);
  }
  return true;
}

const Visibility::View& Visibility::view(NodeId directory) {
  if (roots_.empty()) return all_;
  std::vector<NodeId> unknown;
  NodeId at = directory;
  auto known = views_.find(at);
  while (known == views_.end()) {
    unknown.push_back(at);
    if (tree_.is_root(at)) break;
    at = tree_.parent(at);
    known = views_.find(at);
  }
  if (unknown.empty()) return known->second;
  View view;
  if (known != views_.end()) {
    view = known->second;
  } else if (const auto root = roots_.find(at); root != roots_.end()) {
    view = root->second.base;
  }
  if (views_.size() > kMostViews) views_.clear();
  for (; !unknown.empty(); unknown.pop_back()) {
    const NodeId node = unknown.back();
    if (!tree_.is_root(node)) view = view.enter(tree_.name(node));
    const auto found = view.gitignore && !view.hidden ? found_.find(node) : found_.end();
    if (found != found_.end()) view.ignore = view.ignore->in(found->second.rules);
    views_[node] = view;
  }
  return views_.at(directory);
}

bool Visibility::moved(NodeId directory, const View& before) {
  views_.erase(directory);
  if (view(directory).same_as(before)) return false;
  views_.clear();
  return true;
}

Visibility::View Visibility::View::enter(std::string_view name) const {
  View entered;
  entered.gitignore = gitignore;
  entered.hidden = !shows(name, true);
  if (entered.hidden) return entered;
  if (ignore) entered.ignore = ignore->enter(name);
  // A pattern that matches a directory matches all that lies in it.
  if (only && only->judge(name).directory != Decision::ignored) entered.only = only->enter(name);
  return entered;
}

bool Visibility::View::shows(std::string_view name, bool directory) const {
  if (hidden || (gitignore && name == ".git")) return false;
  if (ignore) {
    const Verdict verdict = ignore->judge(name);
    if ((directory ? verdict.directory : verdict.other) == Decision::ignored) return false;
  }
  return directory || !only || only->judge(name).other == Decision::ignored;
}

bool Visibility::View::same_as(const View& other) const {
  return gitignore == other.gitignore && hidden == other.hidden && same(ignore, other.ignore) &&
         same(only, other.only);
}

}  // namespace lookout
