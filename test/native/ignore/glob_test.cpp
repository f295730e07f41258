#include "ignore/glob.h"

#include <gtest/gtest.h>

#include <string>

namespace lookout {
namespace {

bool matches(std::string_view pattern, std::string_view text) {
  return Glob(pattern).matches(text);
}

TEST(Glob, MatchesPlainBytesAsTheyAre) {
  EXPECT_TRUE(matches("a/b", "a/b"));
  EXPECT_FALSE(matches("a/b", "a/bc"));
  EXPECT_FALSE(matches("a/b", "a"));
  EXPECT_TRUE(matches("\xff\n", "\xff\n"));
}

TEST(Glob, TakesStarsAndQuestionMarksWithinOneName) {
  EXPECT_TRUE(matches("*.c", ".c"));
  EXPECT_TRUE(matches("*.c", "a.b.c"));
  EXPECT_FALSE(matches("*.c", "a/b.c"));
  EXPECT_TRUE(matches("a?c", "abc"));
  EXPECT_FALSE(matches("a?c", "a/c"));
  EXPECT_FALSE(matches("a?c", "ac"));
  EXPECT_TRUE(matches("*/b", "a/b"));
  EXPECT_TRUE(matches("a**b", "axxb"));
  EXPECT_FALSE(matches("a**b", "a/b"));
}

TEST(Glob, TakesDoubledStarsBetweenSlashesForAnyDirectories) {
  EXPECT_TRUE(matches("**/b", "b"));
  EXPECT_TRUE(matches("**/b", "a/a/b"));
  EXPECT_FALSE(matches("**/b", "ab"));
  EXPECT_TRUE(matches("a/**/b", "a/b"));
  EXPECT_TRUE(matches("a/**/b", "a/x/y/b"));
  EXPECT_FALSE(matches("a/**/b", "a/xb"));
  EXPECT_TRUE(matches("a/**", "a/b/c"));
  EXPECT_FALSE(matches("a/**", "a"));
  EXPECT_TRUE(matches("**", "a/b"));
  EXPECT_TRUE(matches("**/a/**/b", "x/a/b"));
}

TEST(Glob, TakesRepeatedDoubledStarsAsOne) {
  EXPECT_TRUE(matches("**/**/b", "b"));
  EXPECT_TRUE(matches("**/**/b", "a/a/b"));
  EXPECT_FALSE(matches("**/**/b", "ab"));
  EXPECT_TRUE(matches("a/**/**/**/b", "a/b"));
  EXPECT_TRUE(matches("a/**/**/**/b", "a/x/y/z/b"));
  EXPECT_FALSE(matches("a/**/**/b", "ab"));
  EXPECT_TRUE(matches("**/**", "a/b"));
  EXPECT_TRUE(matches("**/*/b", "a/b"));
  EXPECT_FALSE(matches("**/*/b", "b"));
}

// The positions of a long pattern take several words: what passes from one to the next is the same
// wherever the words end.
TEST(Glob, MatchesLongPatternsAsShortOnes) {
  for (std::size_t lead = 0; lead < 140; ++lead) {
    const std::string stem(lead, 'x');
    EXPECT_TRUE(matches(stem + "a**b", stem + "axxb")) << lead;
    EXPECT_FALSE(matches(stem + "a*b", stem + "ax/b")) << lead;
    EXPECT_TRUE(matches(stem + "/**/b", stem + "/b")) << lead;
    EXPECT_TRUE(matches(stem + "/**/b", stem + "/a/c/b")) << lead;
    EXPECT_FALSE(matches(stem + "/**/b", stem + "/ab")) << lead;
    EXPECT_TRUE(matches(stem + "/**/*b", stem + "/b")) << lead;
    EXPECT_TRUE(matches(stem + "[ab]?*", stem + "bc")) << lead;
    EXPECT_FALSE(matches(stem + "[ab]?*", stem + "b")) << lead;
    EXPECT_TRUE(matches(stem + '*', stem)) << lead;
  }
}

TEST(Glob, TakesBracketsAsGitDoes) {
  EXPECT_TRUE(matches("[a-c]", "b"));
  EXPECT_FALSE(matches("[a-c]", "d"));
  EXPECT_TRUE(matches("[!a-c]", "d"));
  EXPECT_TRUE(matches("[^a-c]", "d"));
  EXPECT_FALSE(matches("[!a]", "/"));
  EXPECT_FALSE(matches("[/]", "/"));
  EXPECT_TRUE(matches("[]a]", "]"));
  EXPECT_TRUE(matches("[!]a]", "b"));
  EXPECT_TRUE(matches("[a-]", "-"));
  EXPECT_TRUE(matches("[a\\]b]", "]"));
  EXPECT_TRUE(matches("[a-c-e]", "-"));
  EXPECT_FALSE(matches("[a-c-e]", "d"));
  EXPECT_TRUE(matches("[\x80-\xff]", "\xe9"));
  EXPECT_TRUE(matches("[[:digit:]x]", "7"));
  EXPECT_TRUE(matches("[[:digit:]x]", "x"));
  EXPECT_FALSE(matches("[[:alpha:]]", "\xe9"));
  EXPECT_FALSE(matches("[[:space:]]", "\v"));
  EXPECT_TRUE(matches("[[:x]", ":"));
}

TEST(Glob, MatchesNothingWhereTheBracketIsOpenOrTheClassUnknown) {
  for (const char* pattern : {"a[", "a[b", "a[!", "a[b-", "a[b\\", "a[[:", "a[[:word:]]", "a\\"}) {
    for (const char* text : {"a", "ab", "a[", "a[b", "aw", "a\\"}) {
      EXPECT_FALSE(matches(pattern, text)) << pattern << " took " << text;
    }
  }
}

TEST(Glob, TakesTheMeaningFromWhatFollowsABackslash) {
  EXPECT_TRUE(matches("\\*", "*"));
  EXPECT_FALSE(matches("\\*", "a"));
  EXPECT_TRUE(matches("a\\\\b", "a\\b"));
  EXPECT_TRUE(matches("a/**\\/b", "a/x/b"));
  EXPECT_FALSE(matches("a/**\\/b", "a/b"));
}

TEST(Glob, GoesOnFromWhatWasMatchedBefore) {
  const Glob glob("a/**/*.o");
  Glob::State state = glob.start();
  EXPECT_TRUE(glob.advance(state, "a/"));
  EXPECT_TRUE(glob.advance(state, "b/"));
  const Glob::State in_b = state;
  EXPECT_TRUE(glob.advance(state, "c.o"));
  EXPECT_TRUE(glob.accepts(state));
  state = in_b;
  EXPECT_TRUE(glob.advance(state, "c.c"));
  EXPECT_FALSE(glob.accepts(state));
  state = glob.start();
  EXPECT_FALSE(glob.advance(state, "b/"));
}

TEST(Glob, WorksAtAnyLength) {
  for (std::size_t length = 60; length < 200; ++length) {
    const std::string plain(length, 'x');
    EXPECT_TRUE(matches(plain, plain));
    EXPECT_FALSE(matches(plain, plain + 'x'));
    EXPECT_TRUE(matches(plain + '*', plain + "yyy"));
    EXPECT_TRUE(matches("**/" + plain, "a/" + plain));
  }
}

// With backtracking each of these takes longer than the universe has.
TEST(Glob, IsDoneSoonWithHostilePatterns) {
  std::string stars;
  std::string directories;
  for (int i = 0; i < 100; ++i) {
    stars += "a*";
    directories += "**/a/";
  }
  std::string deep;
  for (int i = 0; i < 500; ++i) deep += "a/";
  EXPECT_FALSE(matches(stars + 'b', std::string(250, 'a')));
  EXPECT_TRUE(matches(stars + 'b', std::string(250, 'a') + 'b'));
  EXPECT_FALSE(matches(directories + 'b', deep + 'c'));
}

}  // namespace
}  // namespace lookout
