#include "ignore/rule_pool.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <functional>
#include <random>
#include <string>

#include "watch/allocated_bytes.h"

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

// Others write the files, and up to 2 MiB of them are parsed.
TEST(RulePool, ParsedRulesTakeAFewTimesTheMemoryOfTheirFiles) {
  std::mt19937 random(1);
  const auto letters = [&](std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text += static_cast<char>('a' + random() % 26);
    return text;
  };
  const std::function<std::string()> lines[] = {
      [&] { return '?' + letters(30); },
      [&] { return letters(10) + '*' + letters(10) + '*' + letters(9); },
      [&] { return '/' + letters(8) + "/*/" + letters(19); },
      [&] { return letters(14) + "[ab]*" + letters(12); }, [&] { return letters(31); }};
  for (const auto& line : lines) {
    std::string content;
    for (int i = 0; i < 4096; ++i) content += line() + '\n';
    const std::size_t before = allocated_bytes();
    const RulesPtr parsed = Rules::parse(content);
    EXPECT_EQ(parsed->patterns().size(), 4096U);
    EXPECT_LE(allocated_bytes() - before, 8 * content.size()) << line();
  }
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
