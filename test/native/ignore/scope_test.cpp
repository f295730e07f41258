#include "ignore/scope.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "mutator/random.h"

namespace lookout {
namespace {

using Rank = Scope::Rank;

ScopePtr scope_of(std::string_view content) {
  return Scope::empty()->with(Rules::parse(content), Rank::directory);
}

bool ignores(std::string_view content, std::string_view path, bool directory = false) {
  return is_ignored(scope_of(content), path, directory);
}

TEST(Rules, WithoutASlashMatchNamesAtAnyDepth) {
  EXPECT_TRUE(ignores("a\n", "a"));
  EXPECT_TRUE(ignores("a\n", "x/y/a"));
  EXPECT_FALSE(ignores("a\n", "ab"));
  EXPECT_TRUE(ignores("*.o\n", "x/y.o"));
  EXPECT_TRUE(ignores("a?\n", "x/ab"));
  EXPECT_TRUE(ignores("*\n", "anything"));
}

TEST(Rules, WithASlashMatchPathsBelowTheirDirectory) {
  EXPECT_TRUE(ignores("/a\n", "a"));
  EXPECT_FALSE(ignores("/a\n", "x/a"));
  EXPECT_TRUE(ignores("x/a\n", "x/a"));
  EXPECT_FALSE(ignores("x/a\n", "y/x/a"));
  EXPECT_TRUE(ignores("x/*.o\n", "x/a.o"));
  EXPECT_FALSE(ignores("x/*.o\n", "x/y/a.o"));
  EXPECT_TRUE(ignores("**/a/b\n", "x/a/b"));
}

TEST(Rules, DoubledStarsBehindAPlainBeginningAreStars) {
  for (const char* path : {"a/b", "ax/b"}) EXPECT_TRUE(ignores("a**/b\n", path)) << path;
  for (const char* path : {"ab", "a/x/b", "axb"}) EXPECT_FALSE(ignores("a**/b\n", path)) << path;
}

TEST(Rules, WithASlashAtTheEndMatchDirectoriesAlone) {
  EXPECT_TRUE(ignores("a/\n", "a", true));
  EXPECT_FALSE(ignores("a/\n", "a"));
  EXPECT_TRUE(ignores("a/\n", "x/a", true));
  EXPECT_TRUE(ignores("a/\n", "a/b"));
  EXPECT_TRUE(ignores("x/a/\n", "x/a/b/c"));
}

TEST(Rules, TheLastThatMatchesDecides) {
  EXPECT_FALSE(ignores("*.o\n!a.o\n", "a.o"));
  EXPECT_TRUE(ignores("!a.o\n*.o\n", "a.o"));
  EXPECT_FALSE(ignores("a\n!a/\n", "a", true));
  EXPECT_TRUE(ignores("a\n!a/\n", "a"));
  EXPECT_FALSE(ignores("/x/a\n!a\n", "x/a"));
  EXPECT_TRUE(ignores("!a\n/x/a\n", "x/a"));
}

TEST(Rules, WhatLiesInAnIgnoredDirectoryCannotBeTakenBack) {
  EXPECT_TRUE(ignores("a/\n!a/b\n", "a/b"));
  EXPECT_FALSE(ignores("a/*\n!a/b\n", "a/b"));
  EXPECT_TRUE(ignores("a/*\n!a/b\n", "a/c"));
}

TEST(Rules, PassOverCommentsAndEmptyLines) {
  EXPECT_FALSE(ignores("#a\n\n \n\r\n/\n!\n", "#a"));
  EXPECT_TRUE(ignores("\\#a\n", "#a"));
  EXPECT_TRUE(ignores("\\!a\n", "!a"));
  EXPECT_FALSE(ignores(" #a\n", "#a"));
  EXPECT_TRUE(ignores(" #a\n", " #a"));
}

TEST(Rules, KeepSpacesAtTheEndOnlyBehindABackslash) {
  EXPECT_TRUE(ignores("a  \n", "a"));
  EXPECT_FALSE(ignores("a  \n", "a  "));
  EXPECT_TRUE(ignores("a\\ \n", "a "));
  EXPECT_TRUE(ignores("a\\  \n", "a "));
  EXPECT_TRUE(ignores("a b\n", "a b"));
  EXPECT_TRUE(ignores("a\t\n", "a\t"));
}

TEST(Rules, ReadLineEndsAndTheByteOrderMarkAsGitDoes) {
  EXPECT_TRUE(ignores("a\r\nb", "a"));
  EXPECT_TRUE(ignores("a\r\nb", "b"));
  EXPECT_TRUE(ignores("b\r", "b"));
  EXPECT_TRUE(ignores("a\rb\n", "a\rb"));
  EXPECT_TRUE(ignores("\xEF\xBB\xBF/a\n", "a"));
  EXPECT_FALSE(ignores("\n\xEF\xBB\xBF/a\n", "a"));
  EXPECT_TRUE(ignores(std::string_view("a\0b\n", 4), "a"));
}

TEST(Rules, OfSingleLinesTakeEachAsOne) {
  const auto scope =
      Scope::empty()->with(Rules::of({"*.o\r", "!a.o", "# no", "x\ny", ""}), Rank::option);
  EXPECT_TRUE(is_ignored(scope, "b.o", false));
  EXPECT_FALSE(is_ignored(scope, "a.o", false));
  EXPECT_TRUE(is_ignored(scope, "x\ny", false));
  EXPECT_FALSE(is_ignored(scope, "x", false));
}

TEST(Scope, RulesOfADeeperDirectoryWin) {
  ScopePtr scope = scope_of("*.o\n/d/a\n");
  EXPECT_EQ(scope->judge("x.o").other, Decision::ignored);
  scope = scope->enter("d")->with(Rules::parse("!x.o\n!/a\n"), Rank::directory);
  EXPECT_EQ(scope->judge("x.o").other, Decision::included);
  EXPECT_EQ(scope->judge("a").other, Decision::included);
  EXPECT_EQ(scope->judge("b.o").other, Decision::ignored);
  EXPECT_EQ(scope->judge("c").other, Decision::none);
}

TEST(Scope, RanksWinAsInGit) {
  const auto decided = [](std::vector<Rank> order, Rank exception) {
    ScopePtr scope = Scope::empty();
    for (const Rank rank : order) {
      scope = scope->with(Rules::parse(rank == exception ? "!a\n" : "a\n"), rank);
    }
    return scope->judge("a").other;
  };
  const std::vector<Rank> up{Rank::excludes_file, Rank::info_exclude, Rank::directory,
                             Rank::option};
  const std::vector<Rank> down(up.rbegin(), up.rend());
  for (const Rank rank : up) {
    const Decision expected = rank == Rank::option ? Decision::included : Decision::ignored;
    EXPECT_EQ(decided(up, rank), expected);
    EXPECT_EQ(decided(down, rank), expected);
  }
  EXPECT_EQ(decided({Rank::directory, Rank::info_exclude}, Rank::directory), Decision::included);
  EXPECT_EQ(decided({Rank::info_exclude, Rank::excludes_file}, Rank::info_exclude),
            Decision::included);
}

TEST(Scope, OnlyOneRankIsKeptWhereItIsAskedFor) {
  const auto scope = Scope::empty()
                         ->with(Rules::parse("a\n"), Rank::directory)
                         ->with(Rules::parse("b\n"), Rank::option)
                         ->only(Rank::option);
  EXPECT_EQ(scope->judge("a").other, Decision::none);
  EXPECT_EQ(scope->judge("b").other, Decision::ignored);
}

TEST(Scope, IsSharedWhereADirectoryIsAsItsParent) {
  const auto scope = scope_of("*.o\n/a/b/c\n**/x\n");
  const auto in_a = scope->enter("a");
  EXPECT_NE(in_a, scope);
  const auto elsewhere = scope->enter("z");
  EXPECT_EQ(elsewhere->enter("y"), elsewhere);
  EXPECT_TRUE(elsewhere->same_as(*scope->enter("y")));
  EXPECT_FALSE(elsewhere->same_as(*in_a));
  const auto names = scope_of("*.o\nnode_modules/\n");
  EXPECT_EQ(names->enter("a"), names);
}

// --- cost --------------------------------------------------------------------------------------

std::string numbered(const std::string& before, const std::string& after, int lines) {
  std::string content;
  for (int i = 0; i < lines; ++i) content += before + std::to_string(i) + after + '\n';
  return content;
}

TEST(Scope, LiteralNamesAndEndingsAreNotComparedOneByOne) {
  const auto names = scope_of(numbered("name", "", 4000) + "*.[oa]\n");
  EXPECT_EQ(names->judge("name17").other, Decision::ignored);
  EXPECT_LE(names->judge("name17").compared, 1U);
  EXPECT_LE(names->judge("another").compared, 1U);
  const auto endings = scope_of(numbered("*.ending", "", 4000) + numbered("**/", "/", 4000));
  EXPECT_EQ(endings->judge("x.ending17").other, Decision::ignored);
  EXPECT_EQ(endings->judge("17").directory, Decision::ignored);
  EXPECT_EQ(endings->judge("17").other, Decision::none);
  EXPECT_EQ(endings->judge("x.ending17").compared, 0U);
}

TEST(Scope, PathsAreComparedOnlyBelowTheirOwnDirectories) {
  const auto top = scope_of(numbered("/top", "", 4000) + numbered("sub/dir", "/*.o", 4000));
  EXPECT_EQ(top->judge("top17").other, Decision::ignored);
  EXPECT_EQ(top->judge("top17").compared, 1U);
  EXPECT_EQ(top->judge("another").compared, 0U);
  const auto sub = top->enter("sub");
  EXPECT_EQ(sub->judge("dir17").compared, 1U);
  EXPECT_EQ(sub->enter("dir17")->judge("a.o").other, Decision::ignored);
  EXPECT_EQ(sub->enter("dir17")->judge("a.o").compared, 1U);
  EXPECT_EQ(sub->enter("another")->judge("a.o").other, Decision::none);
}

TEST(Scope, OfManyPatternsTheLastThatMatchesDecidesWhateverItsKind) {
  const auto decides = [](std::string_view content) { return scope_of(content)->judge("a.o"); };
  EXPECT_EQ(decides("a.o\n!*.o\n").other, Decision::included);
  EXPECT_EQ(decides("!*.o\na.o\n").other, Decision::ignored);
  EXPECT_EQ(decides("a.o\n!a.?\n").other, Decision::included);
  EXPECT_EQ(decides("!a.?\na.o\n").other, Decision::ignored);
  EXPECT_EQ(decides("a.o\n!/a.o\n").other, Decision::included);
  EXPECT_EQ(decides("!/a.o\na.o\n").other, Decision::ignored);
  EXPECT_EQ(decides("a.o\n!a.o\na.o/\n").other, Decision::included);
  EXPECT_EQ(decides("a.o\n!a.o\na.o/\n").directory, Decision::ignored);
  EXPECT_EQ(decides("*.o\n!*a.o\n*.o/\n").other, Decision::included);
}

// One after another from the last one on, as git compares them.
Verdict compared_in_order(const Rules& rules, std::string_view name) {
  Verdict verdict;
  for (auto pattern = rules.patterns().rbegin(); pattern != rules.patterns().rend(); ++pattern) {
    const bool is_deeper =
        pattern->match == Rules::Pattern::Match::glob && !pattern->literal.empty();
    if (is_deeper || !pattern->matches_name(name)) continue;
    const Decision decision = pattern->negated ? Decision::included : Decision::ignored;
    if (verdict.directory == Decision::none) verdict.directory = decision;
    if (verdict.other == Decision::none && !pattern->directory_only) verdict.other = decision;
  }
  return verdict;
}

// Of each directory that is entered: a hostile tree is deep, and has such a file in each directory.
TEST(Scope, P7LiteralPatternTakesNoMoreMemoryForItsLength) {
  std::string path;
  for (int i = 0; i < 2000; ++i) path += "a/";
  const auto memory = [](const std::string& pattern) {
    ScopePtr scope = Scope::empty()->with(Rules::of({pattern}), Rank::directory);
    for (int i = 0; i < 100; ++i) scope = scope->enter("a");
    return scope->memory();
  };
  EXPECT_GT(memory(path + "x"), 0U);
  EXPECT_LT(memory(path + "x"), 200U);
  EXPECT_LT(memory(path + "*.o"), 200U);
}

TEST(Scope, DecidesAsAComparisonOfAllPatternsInOrderDoes) {
  const std::vector<std::string> names{"a", "b", "ab", "a.o", "b.o", "a.b.o", "o", ".o", "c"};
  const std::vector<std::string> shapes{"a",    "b",   "a.o", "b.o",  "*.o", "*o",   "*.b.o",
                                        "/a.o", "/a",  "/b",  "a?o",  "*",   "**/a", "[ab]",
                                        "a*",   "*/a", "/*b", "/a/b", "**",  ".o",   "*b.o"};
  oracle::Random random(1);
  for (int round = 0; round < 3000; ++round) {
    std::vector<std::string> lines;
    for (std::uint64_t i = random.between(1, 12); i > 0; --i) {
      lines.push_back((random.one_in(3) ? "!" : "") + shapes[random.below(shapes.size())] +
                      (random.one_in(4) ? "/" : ""));
    }
    const auto rules = Rules::of(lines);
    const auto scope = Scope::empty()->with(rules, Rank::directory);
    for (const std::string& name : names) {
      const Verdict expected = compared_in_order(*rules, name);
      const Verdict found = scope->judge(name);
      ASSERT_TRUE(found.directory == expected.directory && found.other == expected.other)
          << name << " by " << testing::PrintToString(lines);
    }
  }
}

}  // namespace
}  // namespace lookout
