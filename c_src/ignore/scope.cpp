#include "ignore/scope.h"

#include <algorithm>
#include <utility>

namespace lookout {

ScopePtr Scope::empty() {
  return std::make_shared<Scope>();
}

ScopePtr Scope::with(RulesPtr rules, Rank rank) const {
  Layer layer{std::move(rules), rank, {}};
  for (const std::uint32_t index : layer.rules->on_paths()) {
    layer.live.push_back({index, layer.rules->patterns()[index].glob.start()});
  }
  auto scope = std::make_shared<Scope>(*this);
  const auto place = std::find_if(scope->layers_.begin(), scope->layers_.end(),
                                  [&](const LayerPtr& other) { return other->rank > rank; });
  scope->layers_.insert(place, std::make_shared<const Layer>(std::move(layer)));
  return scope;
}

ScopePtr Scope::only(Rank rank) const {
  auto scope = std::make_shared<Scope>(*this);
  std::erase_if(scope->layers_, [&](const LayerPtr& layer) { return layer->rank != rank; });
  return scope;
}

ScopePtr Scope::in(const DirectoryRules& rules) const {
  ScopePtr scope = rules.repository ? only(Rank::option) : shared_from_this();
  if (rules.excludes_file) scope = scope->with(rules.excludes_file, Rank::excludes_file);
  if (rules.info_exclude) scope = scope->with(rules.info_exclude, Rank::info_exclude);
  if (rules.gitignore) scope = scope->with(rules.gitignore, Rank::directory);
  return scope;
}

ScopePtr Scope::enter(std::string_view name) const {
  std::vector<LayerPtr> entered;
  entered.reserve(layers_.size());
  for (const LayerPtr& layer : layers_) entered.push_back(enter_layer(layer, name));
  if (entered == layers_) return shared_from_this();
  auto scope = std::make_shared<Scope>();
  scope->layers_ = std::move(entered);
  return scope;
}

Scope::LayerPtr Scope::enter_layer(const LayerPtr& layer, std::string_view name) {
  if (layer->live.empty()) return layer;
  std::vector<Live> live;
  for (const Live& before : layer->live) {
    const Glob& glob = layer->rules->patterns()[before.pattern].glob;
    Live after = before;
    if (glob.advance(after.state, name) && glob.advance(after.state, "/")) {
      live.push_back(std::move(after));
    }
  }
  if (live == layer->live) return layer;
  return std::make_shared<const Layer>(Layer{layer->rules, layer->rank, std::move(live)});
}

Verdict Scope::judge(std::string_view name) const {
  Verdict verdict;
  for (auto layer = layers_.rbegin(); layer != layers_.rend(); ++layer) {
    if (judge_in(**layer, name, verdict)) break;
  }
  return verdict;
}

// True when all is decided.
bool Scope::judge_in(const Layer& layer, std::string_view name, Verdict& verdict) {
  const auto& patterns = layer.rules->patterns();
  const auto& on_names = layer.rules->on_names();
  auto next_name = on_names.rbegin();
  auto next_path = layer.live.rbegin();
  while (next_name != on_names.rend() || next_path != layer.live.rend()) {
    const bool by_path = next_name == on_names.rend() ||
                         (next_path != layer.live.rend() && next_path->pattern > *next_name);
    const Rules::Pattern& pattern = patterns[by_path ? next_path->pattern : *next_name];
    bool matched = false;
    if (by_path) {
      Glob::State state = next_path->state;
      matched = pattern.glob.advance(state, name) && pattern.glob.accepts(state);
      ++next_path;
    } else {
      matched = pattern.matches_name(name);
      ++next_name;
    }
    if (!matched) continue;
    const Decision decision = pattern.negated ? Decision::included : Decision::ignored;
    if (verdict.directory == Decision::none) verdict.directory = decision;
    if (verdict.other == Decision::none && !pattern.directory_only) verdict.other = decision;
    if (verdict.other != Decision::none) return true;
  }
  return false;
}

bool Scope::same_as(const Scope& other) const {
  return std::equal(layers_.begin(), layers_.end(), other.layers_.begin(), other.layers_.end(),
                    [](const LayerPtr& a, const LayerPtr& b) {
                      return a == b ||
                             (a->rules == b->rules && a->rank == b->rank && a->live == b->live);
                    });
}

bool is_ignored(ScopePtr scope, std::string_view path, bool directory) {
  for (;;) {
    const std::size_t slash = path.find('/');
    const std::string_view name = path.substr(0, slash);
    const Verdict verdict = scope->judge(name);
    const bool last = slash == std::string_view::npos;
    if ((last && !directory ? verdict.other : verdict.directory) == Decision::ignored) return true;
    if (last) return false;
    scope = scope->enter(name);
    path.remove_prefix(slash + 1);
  }
}

}  // namespace lookout
