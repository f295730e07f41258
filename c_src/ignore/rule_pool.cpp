#include "ignore/rule_pool.h"

#include <utility>

namespace lookout {

RulesPtr RulePool::known(const std::string& content) const {
  const auto known = budget_->known.find(content);
  return known == budget_->known.end() ? nullptr : known->second.lock();
}

RuleParser RulePool::parser(const std::string& content) {
  ++parsed_;
  return RuleParser(content, budget_->limits.file_patterns);
}

RulesPtr RulePool::admit(const std::string& content, const RulesPtr& parsed) {
  if (RulesPtr held = known(content)) return held;
  if (!parsed) return nullptr;
  Budget& budget = *budget_;
  const RuleLimits& limits = budget.limits;
  const std::size_t patterns = parsed->patterns().size();
  if (content.size() > limits.bytes - budget.bytes) return nullptr;
  if (patterns > limits.patterns - budget.patterns) return nullptr;

  budget.bytes += content.size();
  budget.patterns += patterns;
  const auto known = budget.known.try_emplace(content).first;
  const Rules* const object = parsed.get();
  auto give_back = [shared = budget_, known, kept = parsed](const Rules*) mutable {
    shared->bytes -= known->first.size();
    shared->patterns -= kept->patterns().size();
    shared->known.erase(known);
    kept.reset();
  };
  RulesPtr made(object, std::move(give_back));
  known->second = made;
  return made;
}

}  // namespace lookout
