// The visible subtree: with `ignore` and `only` it alone is watched and told, and can be replayed
// (P1, P2).
#include <gtest/gtest.h>

#include "watch/engine_test.h"

namespace lookout {
namespace {

using Lines = std::vector<std::string>;

WatchOptions ignoring(Lines lines) {
  WatchOptions options;
  options.ignore = std::move(lines);
  return options;
}

WatchOptions only(Lines lines) {
  WatchOptions options;
  options.only = std::move(lines);
  return options;
}

class FiltersTest : public EngineTest {
 protected:
  void SetUp() override { home_.directory("in"); }

  Lines listed() {
    Lines paths;
    for (const Entry& entry : watcher_.list().entries) {
      paths.push_back(entry.path.substr(home_.path().size() + 1));
    }
    return sorted(paths);
  }
};

TEST_F(FiltersTest, WhatIsIgnoredIsNeitherListedNorTold) {
  home_.write("in/a.o");
  home_.directory("in/node_modules/x");
  home_.write("in/b");
  watch({"in"}, ignoring({"*.o", "node_modules/"}));
  EXPECT_EQ(listed(), (Lines{"in/b"}));
  home_.write("in/a.o", "x");
  home_.write("in/c.o");
  home_.write("in/node_modules/x/y");
  home_.write("in/c");
  EXPECT_EQ(synced(), (Told{"created file in/c"}));
}

TEST_F(FiltersTest, AnIgnoredDirectoryCostsNoWatch) {
  for (int i = 0; i < 50; ++i) home_.directory("in/node_modules/" + std::to_string(i));
  home_.directory("in/src");
  watch({"in"}, ignoring({"node_modules/"}));
  EXPECT_EQ(watcher_.engine().info().watches, 2U);
  EXPECT_EQ(watcher_.engine().info().directories, 2U);
  home_.directory("in/src/node_modules/x");
  home_.directory("in/src/lib");
  EXPECT_EQ(synced(), (Told{"created directory in/src/lib"}));
  EXPECT_EQ(watcher_.engine().info().watches, 3U);
}

TEST_F(FiltersTest, WhatExistsIsToldAtTheBeginningAsFarAsItIsVisible) {
  home_.write("in/a.o");
  home_.write("in/b");
  WatchOptions options = ignoring({"*.o"});
  options.report_existing = true;
  watch({"in"}, options);
  EXPECT_EQ(synced(), (Told{"created file in/b"}));
}

TEST_F(FiltersTest, ARenameIntoTheVisibleSubtreeIsACreation) {
  home_.directory("in/build/sub");
  home_.write("in/build/sub/x");
  home_.write("in/a.o");
  watch({"in"}, ignoring({"*.o", "build/"}));
  age();
  home_.move("in/a.o", "in/a");
  EXPECT_EQ(synced(), (Told{"created file in/a"}));
  home_.move("in/build", "in/kept");
  EXPECT_EQ(synced(), (Told{"created directory in/kept", "created directory in/kept/sub",
                            "created file in/kept/sub/x"}));
}

TEST_F(FiltersTest, ARenameOutOfTheVisibleSubtreeIsADeletion) {
  home_.directory("in/kept/sub");
  home_.write("in/kept/sub/x");
  home_.write("in/a");
  watch({"in"}, ignoring({"*.o", "build/"}));
  age();
  home_.move("in/a", "in/a.o");
  EXPECT_EQ(synced(), (Told{"deleted file in/a"}));
  home_.move("in/kept", "in/build");
  EXPECT_EQ(synced(), (Told{"deleted file in/kept/sub/x", "deleted directory in/kept/sub",
                            "deleted directory in/kept"}));
  EXPECT_EQ(watcher_.engine().info().watches, 1U);
  home_.write("in/build/sub/y");
  EXPECT_EQ(synced(), Told{});
}

TEST_F(FiltersTest, ARenameOntoAVisibleFileIsAModification) {
  home_.write("in/a", "x");
  watch({"in"}, ignoring({"*.tmp"}));
  age();
  home_.write("in/a.tmp", "xy");
  home_.move("in/a.tmp", "in/a");
  EXPECT_EQ(synced(), (Told{"modified file in/a"}));
}

TEST_F(FiltersTest, WhatIsWrittenWhileItIsOutOfSightIsTold) {
  home_.write("in/a", "x");
  watch({"in"}, ignoring({"*.tmp"}));
  age();
  home_.move("in/a", "in/a.tmp");
  home_.append("in/a.tmp", "y");
  home_.move("in/a.tmp", "in/a");
  EXPECT_EQ(synced(), (Told{"modified file in/a"}));
}

TEST_F(FiltersTest, WhatComesAndGoesUnseenIsTheSameDirectory) {
  home_.directory("in/kept");
  home_.write("in/kept/x");
  watch({"in"}, ignoring({"build/"}));
  age();
  home_.move("in/kept", "in/build");
  home_.write("in/build/y");
  home_.move("in/build", "in/kept");
  EXPECT_EQ(synced(), (Told{"created file in/kept/y"}));
}

TEST_F(FiltersTest, ARuleForDirectoriesLooksAtTheType) {
  watch({"in"}, ignoring({"thing/"}));
  home_.write("in/thing", "x");
  EXPECT_EQ(synced(), (Told{"created file in/thing"}));
  home_.remove("in/thing");
  home_.directory("in/thing/below");
  EXPECT_EQ(synced(), (Told{"deleted file in/thing"}));
  home_.remove("in/thing");
  home_.symlink("/", "in/thing");
  EXPECT_EQ(synced(), (Told{"created symlink in/thing"}));
}

TEST_F(FiltersTest, ARenamedDirectoryChangesWhatRulesOnPathsMatchBelowIt) {
  home_.directory("in/a/deep");
  for (const char* name : {"x.log", "y.txt", "deep/x.log"}) {
    home_.write("in/a/" + std::string(name));
  }
  watch({"in"}, ignoring({"/a/*.log", "/b/**/*.txt"}));
  EXPECT_EQ(listed(), (Lines{"in/a", "in/a/deep", "in/a/deep/x.log", "in/a/y.txt"}));
  age();
  home_.move("in/a", "in/b");
  EXPECT_EQ(sorted(synced()), (Told{"created file in/b/x.log", "deleted file in/b/y.txt",
                                    "renamed directory in/a -> in/b"}));
  home_.move("in/b", "in/c");
  EXPECT_EQ(synced(), (Told{"renamed directory in/b -> in/c", "created file in/c/y.txt"}));
}

TEST_F(FiltersTest, ADirectoryThatIsMovedToAnotherRootIsSeenByItsRules) {
  home_.directory("out");
  home_.directory("in/a");
  home_.write("in/a/x.o");
  home_.write("in/a/y");
  watch({"in"}, ignoring({"*.o"}));
  ASSERT_EQ(watcher_.watch({home_.at("out")}, ignoring({"y"})), std::nullopt);
  watcher_.mirror_from_listing({home_.at("in"), home_.at("out")});
  age();
  home_.move("in/a", "out/a");
  EXPECT_EQ(sorted(synced()), (Told{"created file out/a/x.o", "deleted file out/a/y",
                                    "renamed directory in/a -> out/a"}));
}

TEST_F(FiltersTest, AnExceptionIsVisibleUnlessItsDirectoryIsIgnored) {
  watch({"in"}, ignoring({"*.o", "!kept.o", "build/", "!build/kept"}));
  home_.write("in/kept.o");
  home_.directory("in/build");
  home_.write("in/build/kept");
  EXPECT_EQ(synced(), (Told{"created file in/kept.o"}));
}

TEST_F(FiltersTest, WithOnlyWhatIsNoDirectoryIsVisibleWhereItMatches) {
  home_.directory("in/lib");
  home_.write("in/lib/a.ex");
  home_.write("in/lib/a.beam");
  watch({"in"}, only({"*.ex", "!no.ex"}));
  EXPECT_EQ(listed(), (Lines{"in/lib", "in/lib/a.ex"}));
  home_.write("in/lib/b.ex");
  home_.write("in/lib/b.beam");
  home_.write("in/lib/no.ex");
  home_.directory("in/other");
  EXPECT_EQ(synced(), (Told{"created file in/lib/b.ex", "created directory in/other"}));
  home_.move("in/lib/b.beam", "in/lib/c.ex");
  home_.move("in/lib/a.ex", "in/lib/a.old");
  EXPECT_EQ(sorted(synced()), (Told{"created file in/lib/c.ex", "deleted file in/lib/a.ex"}));
}

TEST_F(FiltersTest, WithOnlyADirectoryThatMatchesIsVisibleWithAllBelow) {
  home_.directory("in/lib/deep");
  home_.write("in/lib/deep/x");
  home_.write("in/x");
  WatchOptions options = only({"/lib/"});
  options.ignore = {"*.o"};
  watch({"in"}, options);
  EXPECT_EQ(listed(), (Lines{"in/lib", "in/lib/deep", "in/lib/deep/x"}));
  home_.write("in/lib/deep/y");
  home_.write("in/lib/deep/y.o");
  home_.write("in/y");
  EXPECT_EQ(synced(), (Told{"created file in/lib/deep/y"}));
}

TEST_F(FiltersTest, WithoutRecursionTheRulesHoldToo) {
  WatchOptions options = ignoring({"*.o"});
  options.recursive = false;
  ASSERT_EQ(watcher_.watch({home_.at("in")}, options), std::nullopt);
  home_.write("in/x.o");
  home_.write("in/x");
  EXPECT_EQ(synced(), (Told{"created file in/x"}));
}

TEST_F(FiltersTest, ASingleFileIsVisibleWhateverTheRulesSay) {
  home_.write("in/x.o");
  ASSERT_EQ(watcher_.watch({home_.at("in/x.o")}, ignoring({"*.o"})), std::nullopt);
  home_.write("in/x.o", "x");
  EXPECT_EQ(synced(), (Told{"modified file in/x.o"}));
}

TEST_F(FiltersTest, ARootInAnIgnoredDirectoryTellsForItself) {
  home_.directory("in/build/docs");
  ASSERT_EQ(watcher_.watch({home_.at("in")}, ignoring({"build/", "*.o"})), std::nullopt);
  ASSERT_EQ(watcher_.watch({home_.at("in/build/docs")}), std::nullopt);
  home_.write("in/build/docs/x.o");
  home_.write("in/x.o");
  watcher_.sync();
  EXPECT_EQ(watcher_.told(), (Told{"created file in/build/docs/x.o"}));
}

TEST_F(FiltersTest, ARootInAVisibleDirectoryIsToldByTheOuterOneWithItsRules) {
  home_.directory("in/src");
  watch({"in"}, ignoring({"*.o"}));
  ASSERT_EQ(watcher_.watch({home_.at("in/src")}, ignoring({"*.c"})), std::nullopt);
  home_.write("in/src/x.o");
  home_.write("in/src/x.c");
  EXPECT_EQ(synced(), (Told{"created file in/src/x.c"}));
}

TEST_F(FiltersTest, ALostQueueIsMendedWithinTheVisibleSubtree) {
  home_.directory("in/build");
  home_.write("in/a");
  watch({"in"}, ignoring({"build/", "*.o"}));
  for (int i = 0; i < 20'000; ++i) home_.write("in/" + std::to_string(i % 100) + ".o");
  home_.write("in/build/x");
  home_.remove("in/a");
  home_.write("in/b");
  const Told told = sorted(synced());
  EXPECT_GT(watcher_.engine().info().overflows, 0U);
  EXPECT_NE(std::find(told.begin(), told.end(), "created file in/b"), told.end());
  EXPECT_NE(std::find(told.begin(), told.end(), "deleted file in/a"), told.end());
}

}  // namespace
}  // namespace lookout
