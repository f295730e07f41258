#include "ignore/scope.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace lookout {

ScopePtr Scope::empty() {
  return std::make_shared<Scope>();
}

ScopePtr Scope::with(RulesPtr rules, Rank rank) const {
  std::vector<Live> live;
  for (const std::uint32_t index : rules->on_paths()) {
    Live each{index, 0, {}};
    const Rules::Pattern& pattern = rules->patterns()[index];
    if (pattern.literal.empty()) each.state = pattern.glob.start();
    live.push_back(std::move(each));
  }
  auto scope = std::make_shared<Scope>(*this);
  const auto place = std::find_if(scope->layers_.begin(), scope->layers_.end(),
                                  [&](const LayerPtr& other) { return other->rank > rank; });
  scope->same_below_ = scope->same_below_ && live.empty();
  scope->layers_.insert(place, make_layer(std::move(rules), rank, std::move(live)));
  return scope;
}

// Returns whether the pattern is past its literal prefix, so that its glob decides here.
bool Scope::Layer::is_open(const Live& of) const {
  return pattern(of).match == Rules::Pattern::Match::glob && of.at == pattern(of).literal.size();
}

std::string_view Scope::Layer::name_at(std::uint32_t position) const {
  const std::string_view rest =
      std::string_view(pattern(live[position]).literal).substr(live[position].at);
  return rest.substr(0, rest.find('/'));
}

Scope::LayerPtr Scope::make_layer(RulesPtr rules, Rank rank, std::vector<Live> live) {
  Layer layer{std::move(rules), rank, std::move(live), {}, {}, 0};
  for (std::uint32_t position = 0; position < layer.live.size(); ++position) {
    layer.memory += sizeof(Live) + sizeof position + layer.live[position].state.memory();
    (layer.is_open(layer.live[position]) ? layer.open : layer.named).push_back(position);
  }
  std::stable_sort(layer.named.begin(), layer.named.end(),
                   [&](auto a, auto b) { return layer.name_at(a) < layer.name_at(b); });
  return std::make_shared<const Layer>(std::move(layer));
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
  if (same_below_) return shared_from_this();
  std::vector<LayerPtr> entered;
  entered.reserve(layers_.size());
  for (const LayerPtr& layer : layers_) entered.push_back(enter_layer(layer, name));
  if (entered == layers_) return shared_from_this();
  auto scope = std::make_shared<Scope>();
  scope->layers_ = std::move(entered);
  scope->same_below_ = std::all_of(scope->layers_.begin(), scope->layers_.end(),
                                   [](const LayerPtr& layer) { return layer->live.empty(); });
  return scope;
}

Scope::LayerPtr Scope::enter_layer(const LayerPtr& layer, std::string_view name) {
  if (layer->live.empty()) return layer;
  const auto [first, last] = find_named(*layer, name);
  Positions candidates;
  std::merge(first, last, layer->open.begin(), layer->open.end(), std::back_inserter(candidates));
  std::vector<Live> live;
  for (const std::uint32_t position : candidates) {
    Live after = layer->live[position];
    if (enter_live(layer->pattern(after), name, after)) live.push_back(std::move(after));
  }
  if (live == layer->live && layer->named.empty()) return layer;
  return make_layer(layer->rules, layer->rank, std::move(live));
}

// The pattern must be open, or `name` must be its next component. Returns false if it cannot match
// below `name`.
bool Scope::enter_live(const Rules::Pattern& pattern, std::string_view name, Live& live) {
  if (live.at < pattern.literal.size()) {
    const std::size_t slash = pattern.literal.find('/', live.at);
    if (slash == std::string::npos) return false;
    live.at = slash + 1;
    const bool passed = live.at == pattern.literal.size();
    if (passed && pattern.match == Rules::Pattern::Match::glob) live.state = pattern.glob.start();
    return true;
  }
  return pattern.glob.advance(live.state, name) && pattern.glob.advance(live.state, "/");
}

// Returns the positions of the patterns whose next component is `name`.
Scope::Named Scope::find_named(const Layer& layer, std::string_view name) {
  struct ByName {
    const Layer& layer;
    bool operator()(std::uint32_t a, std::string_view b) const { return layer.name_at(a) < b; }
    bool operator()(std::string_view a, std::uint32_t b) const { return a < layer.name_at(b); }
  };
  return std::equal_range(layer.named.begin(), layer.named.end(), name, ByName{layer});
}

Verdict Scope::judge(std::string_view name) const {
  Verdict verdict;
  for (auto layer = layers_.rbegin(); layer != layers_.rend(); ++layer) {
    const LastMatch found = find_in(**layer, name, verdict);
    const auto& patterns = (*layer)->rules->patterns();
    const auto decide = [&](Decision& decision, std::uint32_t match) {
      if (decision != Decision::none || match == 0) return;
      decision = patterns[match - 1].negated ? Decision::included : Decision::ignored;
    };
    decide(verdict.directory, found.any);
    decide(verdict.other, found.other);
    if (verdict.other != Decision::none) break;
  }
  return verdict;
}

// Returns the last patterns of a layer that match a name. Patterns that cannot be found by the name
// alone are compared from the last one backwards, down to the last match found so far.
LastMatch Scope::find_in(const Layer& layer, std::string_view name, Verdict& verdict) {
  const Rules& rules = *layer.rules;
  LastMatch found = rules.find_literal(name);
  verdict.steps += rules.literal_steps();
  const auto compare = [&](std::uint32_t index, auto matches) {
    ++verdict.compared;
    verdict.steps += rules.patterns()[index].steps(name.size());
    if (matches(rules.patterns()[index])) found.take(rules.last_match(index));
  };
  const auto& globs = rules.globs();
  for (auto glob = globs.rbegin(); glob != globs.rend() && *glob >= found.other; ++glob) {
    compare(*glob, [&](const Rules::Pattern& pattern) { return pattern.matches_name(name); });
  }
  const auto compare_paths = [&](Positions::const_iterator first, Positions::const_iterator last) {
    while (last != first && layer.live[*--last].pattern >= found.other) {
      const Live& live = layer.live[*last];
      compare(live.pattern, [&](const Rules::Pattern& pattern) {
        // Its next component equals `name`; it matches if that is its last component.
        if (!layer.is_open(live)) {
          return pattern.match == Rules::Pattern::Match::exact &&
                 pattern.literal.find('/', live.at) == std::string::npos;
        }
        Glob::State state = live.state;
        return pattern.glob.advance(state, name) && pattern.glob.accepts(state);
      });
    }
  };
  const auto [first, last] = find_named(layer, name);
  compare_paths(first, last);
  compare_paths(layer.open.begin(), layer.open.end());
  return found;
}

std::size_t Scope::memory() const {
  std::size_t bytes = 0;
  for (const LayerPtr& layer : layers_) bytes += layer->memory;
  return bytes;
}

std::size_t Scope::entering_steps(std::string_view name) const {
  constexpr std::size_t kLivePattern = 100;  // measured, without the match of its glob
  std::size_t steps = 0;
  for (const LayerPtr& layer : layers_) {
    steps += layer->live.size() * kLivePattern;
    for (const std::uint32_t position : layer->open) {
      steps += layer->pattern(layer->live[position]).steps(name.size());
    }
  }
  return steps;
}

std::size_t Scope::most_steps() const {
  std::size_t steps = 0;
  for (const LayerPtr& layer : layers_) {
    if (layer->rank == Rank::option) continue;
    steps += layer->rules->most_steps() + layer->rules->literal_steps();
  }
  return steps;
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
