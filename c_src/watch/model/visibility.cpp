#include "watch/model/visibility.h"

#include <array>
#include <cerrno>
#include <iterator>
#include <utility>

namespace lookout {
namespace {

// A view is computed cheaply from the view of the parent.
constexpr std::size_t kMaxViews = 4096;
constexpr std::size_t kMaxViewsMemory = 16UL * 1024 * 1024;
// If there are too many views, only one in this many directories above keeps its view, so that a
// deep path is never computed again as a whole.
constexpr std::size_t kKeptViews = 64;
// Nanoseconds, to pass a view or a directory above one.
constexpr std::size_t kPassedView = 50;

std::size_t memory_of(const Visibility::View& view) {
  return view.ignore ? view.ignore->memory() : 0;
}

bool same(const ScopePtr& a, const ScopePtr& b) {
  return a == b || (a && b && a->same_as(*b));
}

// Adds the rules of a directory. Returns false if they cost too much: then it adds only that a
// repository begins there.
bool add_rules(ScopePtr& scope, const DirectoryRules& rules) {
  ScopePtr with_rules = scope->in(rules);
  const bool fits = with_rules->most_steps() <= kMaxSteps;
  scope = fits ? std::move(with_rules) : scope->in({nullptr, rules.repository, nullptr, nullptr});
  return fits;
}

}  // namespace

Filter::Filter(const WatchOptions& options) : gitignore(options.gitignore) {
  if (!options.ignore.empty()) ignore = Rules::of(options.ignore);
  if (!options.only.empty()) only = Rules::of(options.only);
}

void Visibility::add_root(NodeId root, bool single_files, const Filter& filter,
                          const ScopePtr& above) {
  if (single_files) {
    roots_[root].limited = true;
    return;
  }
  if (filter.shows_all()) return;
  View& base = roots_[root].base;
  base.gitignore = filter.gitignore;
  if (filter.ignore || filter.gitignore) base.ignore = above ? above : Scope::empty();
  if (filter.ignore) base.ignore = base.ignore->with(filter.ignore, Scope::Rank::option);
  if (filter.only) base.only = Scope::empty()->with(filter.only, Scope::Rank::option);
}

bool Visibility::set_rules_above(NodeId root, const Filter& filter, const ScopePtr& above) {
  const View before = roots_.at(root).base;
  add_root(root, false, filter, above);
  if (roots_.at(root).base.same_as(before)) return false;
  forget_views_in(root);
  return true;
}

void Visibility::forget_directory(NodeId directory) {
  roots_.erase(directory);
  found_.erase(directory);
  forget_view(directory);
}

bool Visibility::names_rules(NodeId directory, std::string_view name) {
  return (name == ".gitignore" || name == ".git") && reads_rules(directory);
}

bool Visibility::parse_step(RuleFiles& files) {
  std::array<RuleFile*, 3> all{};
  if (files.gitignore) all[0] = &*files.gitignore;
  if (files.repository) {
    all[1] = &files.repository->info_exclude;
    all[2] = &files.repository->excludes_file;
  }
  for (RuleFile* file : all) {
    if (file == nullptr || file->content.empty()) continue;
    if (!file->parser) {
      if (pool_.known(file->content)) continue;
      file->parser = std::make_shared<RuleParser>(pool_.parser(file->content));
    }
    if (file->parser->step()) return true;
  }
  return false;
}

RulesPtr Visibility::parse(const RuleFile& file, std::vector<RuleFailure>& failures) {
  if (file.content.empty()) return nullptr;
  RulesPtr rules = pool_.admit(file.content, file.parser ? file.parser->rules() : nullptr);
  if (!rules) failures.push_back({file.path, EFBIG});
  return rules;
}

// `kept` has the rules of the files that could not be read.
DirectoryRules Visibility::parse(const RuleFiles& files, const DirectoryRules& kept,
                                 std::vector<RuleFailure>& failures) {
  DirectoryRules rules = kept;
  if (files.gitignore) rules.gitignore = parse(*files.gitignore, failures);
  if (const auto& repository = files.repository) {
    rules.repository = repository->begins;
    rules.info_exclude = parse(repository->info_exclude, failures);
    rules.excludes_file = parse(repository->excludes_file, failures);
  }
  return rules;
}

bool Visibility::set_rules(NodeId directory, const RuleFiles& files,
                           std::vector<RuleFailure>& failures) {
  const auto known = found_.find(directory);
  DirectoryRules before = known == found_.end() ? DirectoryRules{} : known->second;
  DirectoryRules kept = before;
  if (files.gitignore) kept.gitignore.reset();
  if (files.repository) kept = {kept.gitignore, false, nullptr, nullptr};
  std::vector<RuleFailure> refused;
  DirectoryRules rules = parse(files, kept, refused);
  const bool changed = rules != before;
  if (changed) {
    if (known != found_.end()) found_.erase(known);
    before = {};
    // During a crawl the tree has nothing below it.
    if (tree_.first_child(directory) == kNoNode) {
      forget_view(directory);
    } else {
      forget_views_in(directory);
    }
    // Parses again, since the old rules took their part of the budget until now.
    if (!std::exchange(refused, {}).empty()) rules = parse(files, kept, refused);
    if (rules != DirectoryRules{}) found_[directory] = std::move(rules);
  }
  if (view(directory).excess) refused.push_back({".gitignore", EFBIG});
  failures.insert(failures.end(), refused.begin(), refused.end());
  return changed;
}

void Visibility::add_rules_above(ScopePtr& scope, const RuleFiles& files, std::string_view name,
                                 std::vector<RuleFailure>& failures) {
  if (!add_rules(scope, parse(files, {}, failures))) {
    failures.push_back({files.gitignore ? files.gitignore->path : std::string(), EFBIG});
  }
  scope = scope->enter(name);
}

// Forgets the views of a directory and of all directories below it. Passes each directory above a
// view once, and counts what that costs.
void Visibility::forget_views_in(NodeId directory) {
  std::unordered_map<NodeId, bool> affected{{directory, true}};
  std::vector<NodeId> path;
  for (auto view = views_.begin(); view != views_.end();) {
    NodeId at = view->first;
    auto known = affected.find(at);
    for (; known == affected.end() && !tree_.is_root(at); known = affected.find(at)) {
      path.push_back(at);
      at = tree_.parent(at);
    }
    const bool is_affected = known != affected.end() && known->second;
    steps_ += path.size() * kPassedView;
    for (; !path.empty(); path.pop_back()) affected.emplace(path.back(), is_affected);
    if (is_affected) views_memory_ -= memory_of(view->second);
    steps_ += kPassedView;
    view = is_affected ? views_.erase(view) : std::next(view);
  }
}

void Visibility::forget_view(NodeId directory) {
  const auto known = views_.find(directory);
  if (known == views_.end()) return;
  views_memory_ -= memory_of(known->second);
  views_.erase(known);
}

void Visibility::forget_most_views(NodeId directory) {
  std::unordered_map<NodeId, View> kept;
  std::size_t memory = 0;
  std::size_t missing = 0;
  for (NodeId at = directory;; at = tree_.parent(at)) {
    const auto known = ++missing < kKeptViews ? views_.end() : views_.find(at);
    if (known != views_.end()) {
      memory += memory_of(known->second);
      kept.insert(std::move(*known));
      missing = 0;
    }
    if (tree_.is_root(at)) break;
  }
  views_ = std::move(kept);
  views_memory_ = memory;
}

void Visibility::hide_single(NodeId root, const std::string& name) {
  if (const auto found = roots_.find(root); found != roots_.end()) found->second.single.erase(name);
}

const Visibility::Names* Visibility::single_names(NodeId directory) const {
  const auto root = roots_.find(directory);
  return root == roots_.end() || !root->second.limited ? nullptr : &root->second.single;
}

bool Visibility::shows(NodeId directory, std::string_view name, EntryType type) {
  if (roots_.empty()) return true;
  if (const Names* single = single_names(directory)) {
    return type != EntryType::directory && single->contains(name);
  }
  return view(directory).shows(name, type == EntryType::directory, steps_);
}

bool Visibility::may_show(NodeId directory, std::string_view name) {
  return shows(directory, name, EntryType::directory) || shows(directory, name, EntryType::file);
}

bool Visibility::may_show_within(NodeId directory, std::string_view name, bool otherwise) {
  return steps_ < limit_ ? may_show(directory, name) : otherwise;
}

bool Visibility::shows_path(NodeId directory, const std::vector<std::string_view>& names,
                            EntryType type) {
  View at = view(directory);
  for (std::size_t i = 0; i < names.size(); ++i) {
    const bool last = i + 1 == names.size();
    if (!at.shows(names[i], !last || type == EntryType::directory, steps_)) return false;
    at = at.enter(names[i], steps_);
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
  if (views_.size() > kMaxViews || views_memory_ > kMaxViewsMemory) forget_most_views(directory);
  for (; !unknown.empty(); unknown.pop_back()) {
    const NodeId node = unknown.back();
    if (!tree_.is_root(node)) {
      view = view.enter(tree_.name(node), steps_);
    }
    const auto found = view.gitignore && !view.hidden ? found_.find(node) : found_.end();
    if (found != found_.end()) view.excess = !add_rules(view.ignore, found->second);
    ++views_made_;
    // Always keep the last view, which is that of `directory`.
    if (views_memory_ > kMaxViewsMemory && unknown.size() % kKeptViews != 1) continue;
    views_[node] = view;
    views_memory_ += memory_of(view);
  }
  return views_.at(directory);
}

bool Visibility::moved(NodeId directory, const View& before) {
  forget_view(directory);
  if (view(directory).same_as(before)) return false;
  forget_views_in(directory);
  return true;
}

Visibility::View Visibility::View::enter(std::string_view name, std::uint64_t& steps) const {
  View entered;
  entered.gitignore = gitignore;
  entered.hidden = !shows(name, true, steps);
  if (entered.hidden) return entered;
  if (ignore) {
    steps += ignore->entering_steps(name);
    entered.ignore = ignore->enter(name);
  }
  if (!only) return entered;
  // A pattern that matches a directory matches everything in it.
  const Verdict verdict = only->judge(name);
  steps += verdict.steps;
  if (verdict.directory == Decision::ignored) return entered;
  steps += only->entering_steps(name);
  entered.only = only->enter(name);
  return entered;
}

bool Visibility::View::shows(std::string_view name, bool directory, std::uint64_t& steps) const {
  if (hidden || (gitignore && name == ".git")) return false;
  if (ignore) {
    const Verdict verdict = ignore->judge(name);
    steps += verdict.steps;
    if ((directory ? verdict.directory : verdict.other) == Decision::ignored) return false;
  }
  if (directory || !only) return true;
  const Verdict verdict = only->judge(name);
  steps += verdict.steps;
  return verdict.other == Decision::ignored;
}

bool Visibility::View::same_as(const View& other) const {
  return gitignore == other.gitignore && hidden == other.hidden && same(ignore, other.ignore) &&
         same(only, other.only);
}

}  // namespace lookout
