#include "ignore/git_config.h"

#include <gtest/gtest.h>

namespace lookout {
namespace {

using Value = std::optional<std::string>;

TEST(GitConfig, TellsTheLastExcludesFileOfTheCore) {
  EXPECT_EQ(excludes_file_of(""), std::nullopt);
  EXPECT_EQ(excludes_file_of("[core]\n\tbare = false\n"), std::nullopt);
  EXPECT_EQ(excludes_file_of("[core]\n\texcludesFile = ~/ignore\n"), Value("~/ignore"));
  EXPECT_EQ(excludes_file_of("[core]\nexcludesfile=/a\n[user]\nname=b\n[Core] EXCLUDESFILE = /b"),
            Value("/b"));
  EXPECT_EQ(excludes_file_of("[core]\nexcludesFile =\n"), Value(""));
}

TEST(GitConfig, PassesOverOtherSectionsAndNames) {
  EXPECT_EQ(excludes_file_of("[other]\nexcludesFile = /a\n"), std::nullopt);
  EXPECT_EQ(excludes_file_of("[core \"x]\"]\nexcludesFile = /a\n"), std::nullopt);
  EXPECT_EQ(excludes_file_of("[core]\nexcludesFile\nexcludesFiles = /a\n"), std::nullopt);
  EXPECT_EQ(excludes_file_of("[core]\n# excludesFile = /a\n; excludesFile = /b\n"), std::nullopt);
}

TEST(GitConfig, ReadsSeveralSectionsOfALine) {
  EXPECT_EQ(excludes_file_of("[a][b \"\\]\"][core]excludesFile = /a"), Value("/a"));
  EXPECT_EQ(excludes_file_of("[core][a]excludesFile = /a"), std::nullopt);
  EXPECT_EQ(excludes_file_of("[a \\\n][core]\nexcludesFile = /a"), std::nullopt);
}

TEST(GitConfig, TakesQuotesEscapesAndCommentsOff) {
  const auto value = [](const std::string& text) {
    return excludes_file_of("[core]\nexcludesFile = " + text + "\nbare = true\n");
  };
  EXPECT_EQ(value("/a b  "), Value("/a b"));
  EXPECT_EQ(value("/a # b"), Value("/a"));
  EXPECT_EQ(value("\"/a # b \" ; c"), Value("/a # b "));
  EXPECT_EQ(value("/a\\\\b\\\"c\\t"), Value("/a\\b\"c\t"));
  EXPECT_EQ(value("/a\\\nb"), Value("/ab"));
  EXPECT_EQ(value("/a\r"), Value("/a"));
}

TEST(GitConfig, StopsWhereTheTextIsNoConfiguration) {
  EXPECT_EQ(excludes_file_of("[core]\nexcludesFile = /a\n???\nexcludesFile = /b\n"), Value("/a"));
  EXPECT_EQ(excludes_file_of("[core\nexcludesFile = /a\n"), std::nullopt);
  EXPECT_EQ(excludes_file_of("[core]\nexcludesFile = \"/a\n"), std::nullopt);
  EXPECT_EQ(excludes_file_of("[core]\nexcludesFile = /a\\q\n"), std::nullopt);
  EXPECT_EQ(excludes_file_of("[core]\nexcludesFile = /a\\"), std::nullopt);
}

using Values = std::vector<std::string>;

TEST(GitConfig, ListsTheSafeDirectories) {
  Values listed;
  add_safe_directories("[safe]\ndirectory = /a\nDirectory = \"/b c\"\n[core]\ndirectory=/d",
                       listed);
  EXPECT_EQ(listed, (Values{"/a", "/b c"}));
  add_safe_directories("[safe]\ndirectory = /e\ndirectory =\ndirectory = /f\n", listed);
  EXPECT_EQ(listed, Values{"/f"});
}

TEST(GitConfig, ASafeDirectoryIsNamedByItsPathAStarOrADirectoryAbove) {
  EXPECT_TRUE(is_safe_directory({"/b", "/a"}, "/a", "/home/u"));
  EXPECT_TRUE(is_safe_directory({"*"}, "/a", ""));
  EXPECT_TRUE(is_safe_directory({"/a/*"}, "/a/b/c", ""));
  EXPECT_TRUE(is_safe_directory({"~/src"}, "/home/u/src", "/home/u"));
  EXPECT_FALSE(is_safe_directory({}, "/a", ""));
  EXPECT_FALSE(is_safe_directory({"/a", "~/a"}, "/a/b", ""));
  EXPECT_FALSE(is_safe_directory({"/a/*"}, "/ab", ""));
}

}  // namespace
}  // namespace lookout
