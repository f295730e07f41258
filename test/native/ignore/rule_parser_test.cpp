// What hostile rule files cost: parsing is done in slices, and what decisions cost is known (P7).
#include <gtest/gtest.h>

#include <string>

#include "ignore/rules.h"
#include "ignore/scope.h"

namespace lookout {
namespace {

constexpr std::size_t kFile = 64UL * 1024;    // bytes
constexpr std::size_t kMaxSlice = 3'000'000;  // in about nanoseconds

std::string repeated(const std::string& part, std::size_t bytes = kFile) {
  std::string text;
  while (text.size() + part.size() <= bytes) text += part;
  return text;
}

std::string line_of(const std::string& part) {
  return repeated(part, kLongestPattern - 1) + '\n';
}

RuleParser parsed(const std::string& content) {
  RuleParser parser(content);
  while (parser.step()) {
  }
  return parser;
}

TEST(RuleParser, TakesHostileFilesInSlices) {
  std::string literals;
  std::string paths;
  for (int i = 0; i < 4096; ++i) {
    literals += "name" + std::to_string(i) + '\n';
    paths += "/a/*" + std::to_string(i) + "/x\n";
  }
  for (const std::string& content :
       {literals, paths, repeated("\n"), repeated("a\n", 8192), repeated("*[[:xdigit:]]?\n"),
        repeated(line_of("[\x01-\xff]")), repeated(line_of("[[:")), repeated(line_of("*a"))}) {
    const RuleParser parser = parsed(content);
    EXPECT_NE(parser.rules(), nullptr) << content.substr(0, 20);
    EXPECT_LE(parser.largest_slice(), kMaxSlice) << content.substr(0, 20);
    EXPECT_GT(parser.work(), parser.largest_slice()) << content.substr(0, 20);
  }
}

TEST(RuleParser, PassesOverALineThatMatchesNoPathSinceItIsTooLong) {
  const std::string line(2 * kLongestPattern, 'x');
  RuleParser parser = parsed("y\n" + line + "\nz\n");
  ASSERT_NE(parser.rules(), nullptr);
  EXPECT_EQ(parser.rules()->patterns().size(), 2U);
  for (const char* part : {"*", "[", "\\", " "}) {
    EXPECT_EQ(parsed("y\n" + line + part).rules(), nullptr) << part;
  }
}

TEST(RuleParser, RefusesALongPatternThatMayMatch) {
  const std::string longest(kLongestPattern, 'x');
  EXPECT_NE(parsed("y\n" + longest).rules(), nullptr);
  EXPECT_EQ(parsed("y\n" + longest + 'x').rules(), nullptr);
  EXPECT_NE(parsed("y\n#" + longest).rules(), nullptr);
}

TEST(RuleParser, SaysNothingBeforeTheEnd) {
  RuleParser parser(repeated("a\n"));
  std::size_t slices = 1;
  while (parser.step()) ++slices;
  EXPECT_GT(slices, 2U);
  EXPECT_FALSE(parser.step());
  EXPECT_EQ(parser.rules()->patterns().size(), kFile / 2);
}

TEST(Scope, NoDecisionCostsMoreThanWhatIsKnownOfItsRules) {
  std::string endings;
  for (std::size_t length = 1; length < 250; ++length) {
    endings += '*' + std::string(length, 'a') + "b\n";
  }
  const std::string name(255, 'a');
  for (const std::string& content : {endings, repeated("*a*a*a*a*a*a*b\n"), line_of("*a") + "b\n",
                                     repeated("/*/a*b\n"), repeated("?a?\n"), std::string("a\n")}) {
    const auto scope = Scope::empty()->with(Rules::parse(content), Scope::Rank::directory);
    EXPECT_LE(scope->judge(name).steps, scope->most_steps()) << content.substr(0, 20);
    EXPECT_GT(scope->judge(name).steps, 0U) << content.substr(0, 20);
  }
}

// However small, each is searched for each name.
TEST(Scope, ManyFilesCostMoreThanOne) {
  const auto rules = Rules::parse("a\n");
  ScopePtr scope = Scope::empty();
  for (int i = 0; i < 100; ++i) scope = scope->with(rules, Scope::Rank::directory)->enter("x");
  EXPECT_GE(scope->most_steps(), 100'000U);
  EXPECT_GE(scope->judge("b").steps, 100'000U);
}

}  // namespace
}  // namespace lookout
