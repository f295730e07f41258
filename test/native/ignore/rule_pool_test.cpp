#include "ignore/rule_pool.h"

#include <gtest/gtest.h>

namespace lookout {
namespace {

// The rules of a file, parsed in one go.
RulesPtr rules(RulePool& pool, const std::string& content) {
  if (RulesPtr known = pool.known(content)) return known;
  RuleParser parser = pool.parser(content);
  while (parser.step()) {
  }
  return pool.admit(content, parser.rules());
}

TEST(RulePool, ParsesTheSameContentOnce) {
  RulePool pool;
  const RulesPtr one = rules(pool, "a\nb\n");
  for (int i = 0; i < 100; ++i) EXPECT_EQ(rules(pool, "a\nb\n"), one);
  EXPECT_EQ(pool.parsed(), 1U);
  EXPECT_NE(rules(pool, "a\n"), one);
}

TEST(RulePool, RefusesWhatExceedsALimit) {
  RulePool pool({.file_patterns = 2, .patterns = 3, .bytes = 100});
  EXPECT_EQ(rules(pool, "a\nb\nc\n"), nullptr);
  EXPECT_EQ(rules(pool, std::string(101, '#')), nullptr);
  const RulesPtr two = rules(pool, "a\nb\n");
  EXPECT_NE(two, nullptr);
  EXPECT_EQ(rules(pool, "c\nd\n"), nullptr);
  EXPECT_NE(rules(pool, "c\n"), nullptr);
}

TEST(RulePool, TakesTheBudgetBackFromRulesThatNobodyHolds) {
  RulePool pool({.file_patterns = 2, .patterns = 2, .bytes = 100});
  RulesPtr held = rules(pool, "a\nb\n");
  EXPECT_EQ(rules(pool, "c\n"), nullptr);
  held = nullptr;
  held = rules(pool, "c\nd\n");
  EXPECT_NE(held, nullptr);
  EXPECT_EQ(rules(pool, "a\n"), nullptr);
}

TEST(RulePool, RulesMayOutliveIt) {
  RulesPtr held;
  {
    RulePool pool;
    held = rules(pool, "a\n");
  }
  EXPECT_EQ(held->patterns().size(), 1U);
}

}  // namespace
}  // namespace lookout
