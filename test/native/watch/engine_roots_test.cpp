// Roots that nest, come later, go, and stand elsewhere (P1, P8).
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "watch/engine_test.h"

namespace lookout {
namespace {

class RootsOfEngineTest : public EngineTest {
 protected:
  void SetUp() override { home_.directory("in"); }
};

TEST_F(RootsOfEngineTest, WhatStandsBelowTwoRootsIsToldOnce) {
  home_.directory("in/sub");
  ASSERT_EQ(watcher_.watch({home_.at("in/sub"), home_.at("in")}), std::nullopt);
  watcher_.mirror_from_listing({home_.at("in")});
  home_.write("in/sub/x");
  EXPECT_EQ(synced(), (Told{"created file in/sub/x"}));
  home_.write("in/y");
  EXPECT_EQ(synced(), (Told{"created file in/y"}));
}

TEST_F(RootsOfEngineTest, ARootAddedAboveAnotherTellsWhatIsBelowBothOnce) {
  home_.directory("in/sub");
  ASSERT_EQ(watcher_.watch({home_.at("in/sub")}), std::nullopt);
  ASSERT_EQ(watcher_.watch({home_.at("in")}), std::nullopt);
  synced();
  home_.write("in/sub/x");
  EXPECT_EQ(synced(), (Told{"created file in/sub/x"}));
}

TEST_F(RootsOfEngineTest, ADirectoryAddedLaterTellsWhatIsThereWhereAskedFor) {
  home_.directory("later/d");
  home_.write("later/d/x");
  watch({"in"});
  WatchOptions options;
  options.report_existing = true;
  watcher_.mirror_from_nothing({home_.at("in"), home_.at("later")});
  ASSERT_EQ(watcher_.watch({home_.at("later")}, options), std::nullopt);
  EXPECT_EQ(synced(), (Told{"created directory later/d", "created file later/d/x"}));
  home_.write("in/a");
  home_.write("later/b");
  EXPECT_EQ(sorted(synced()), (Told{"created file in/a", "created file later/b"}));
}

TEST_F(RootsOfEngineTest, ARootAddedAboveOneThatIsBeingToldTellsNothingTwice) {
  constexpr int kFiles = 2000;
  home_.directory("in/sub");
  for (int i = 0; i < kFiles; ++i) home_.write("in/sub/" + std::to_string(i));
  WatchOptions options;
  options.report_existing = true;
  Watcher watcher(home_.path(), 0);
  ASSERT_EQ(watcher.watch({home_.at("in/sub")}, options), std::nullopt);
  watcher.engine().grant(1);
  watcher.until("the first of its files were told", [&] { return watcher.last_seq() == 1; });
  ASSERT_LT(watcher.peek().size(), std::size_t{kFiles});
  ASSERT_EQ(watcher.watch({home_.at("in")}, options), std::nullopt);
  watcher.engine().grant(Engine::kUnlimited);
  watcher.sync();
  std::set<std::string> stand;
  for (const std::string& line : watcher.told()) {
    const std::string name = line.substr(line.rfind(' ') + 1);
    const bool fits =
        line.starts_with("created ") ? stand.insert(name).second : stand.erase(name) == 1;
    EXPECT_TRUE(fits) << line;
  }
  EXPECT_EQ(stand.size(), std::size_t{kFiles} + 1);
}

TEST_F(RootsOfEngineTest, WhereItMayBeMissingARootThatCannotBeLookedAtKeepsNoOtherFromItsWatch) {
  const std::string longer(300, 'n');  // than a name may be
  WatchOptions options;
  options.wait_for_missing = true;
  ASSERT_EQ(watcher_.watch({home_.at("in"), home_.at(longer)}, options), std::nullopt);
  EXPECT_TRUE(watcher_.has_told("unreadable " + longer + " enametoolong"));
  home_.write("in/a");
  watcher_.sync();
  EXPECT_TRUE(watcher_.has_told("created file in/a"));
}

TEST_F(RootsOfEngineTest, AMissingRootThatAnotherCoversIsToldByThatWhenItAppears) {
  WatchOptions options;
  options.wait_for_missing = true;
  ASSERT_EQ(watcher_.watch({home_.at("in/sub")}, options), std::nullopt);
  ASSERT_EQ(watcher_.watch({home_.at("in")}), std::nullopt);
  synced();
  home_.write("in/a");
  home_.directory("in/sub");
  EXPECT_EQ(sorted(synced()),
            (Told{"created directory in/sub", "created file in/a", "root_created in/sub"}));
}

TEST_F(RootsOfEngineTest, ManyRootsSomeBelowOthersAreToldOnce) {
  std::vector<std::string> paths;
  for (const char* name : {"in/a", "in/b", "in/a/deep", "in/c", "in/c/deep/er", "in/b/deep"}) {
    home_.directory(name);
    paths.push_back(home_.at(name));
  }
  ASSERT_EQ(watcher_.watch(paths), std::nullopt);
  watcher_.mirror_from_listing({home_.at("in/a"), home_.at("in/b"), home_.at("in/c")});
  for (const char* name : {"in/a/x", "in/a/deep/x", "in/b/deep/x", "in/c/deep/er/x"}) {
    home_.write(name);
  }
  EXPECT_EQ(sorted(synced()), (Told{"created file in/a/deep/x", "created file in/a/x",
                                    "created file in/b/deep/x", "created file in/c/deep/er/x"}));
}

TEST_F(RootsOfEngineTest, UnwatchTellsItsEntriesAsDeletedAndIsSilentAfterwards) {
  home_.directory("in/d");
  home_.write("in/d/x");
  ASSERT_EQ(watcher_.watch({home_.at("in")}), std::nullopt);
  EXPECT_EQ(watcher_.unwatch(home_.at("in")), std::nullopt);
  EXPECT_EQ(synced(), (Told{"deleted file in/d/x", "deleted directory in/d"}));
  home_.write("in/d/y");
  home_.remove("in");
  EXPECT_EQ(synced(), Told{});
  EXPECT_EQ(watcher_.engine().info().directories, 0U);
  EXPECT_EQ(watcher_.engine().info().watches, 0U);
}

TEST_F(RootsOfEngineTest, UnwatchOfAnOuterRootKeepsTheInnerOne) {
  home_.directory("in/sub");
  home_.write("in/sub/x");
  home_.write("in/y");
  ASSERT_EQ(watcher_.watch({home_.at("in"), home_.at("in/sub")}), std::nullopt);
  EXPECT_EQ(watcher_.unwatch(home_.at("in")), std::nullopt);
  const Told told = synced();
  EXPECT_NE(std::find(told.begin(), told.end(), "deleted file in/y"), told.end());
  const Listed listed = watcher_.list();
  ASSERT_EQ(listed.entries.size(), 1U);
  EXPECT_EQ(listed.entries[0].path, home_.at("in/sub/x"));
  home_.write("in/z");
  home_.append("in/sub/x", "x");
  EXPECT_EQ(synced(), (Told{"modified file in/sub/x"}));
}

TEST_F(RootsOfEngineTest, UnwatchOfAnInnerRootKeepsTheOuterOne) {
  home_.directory("in/sub");
  ASSERT_EQ(watcher_.watch({home_.at("in"), home_.at("in/sub")}), std::nullopt);
  watcher_.mirror_from_listing({home_.at("in")});
  EXPECT_EQ(watcher_.unwatch(home_.at("in/sub")), std::nullopt);
  EXPECT_EQ(synced(), Told{});
  home_.write("in/sub/x");
  EXPECT_EQ(synced(), (Told{"created file in/sub/x"}));
}

TEST_F(RootsOfEngineTest, UnwatchOfWhatIsNotWatchedIsRefused) {
  watch({"in"});
  const auto error = watcher_.unwatch(home_.at("elsewhere"));
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->reason, "not_watched");
  EXPECT_EQ(error->path, home_.at("elsewhere"));
  home_.write("in/x");
  EXPECT_EQ(synced(), (Told{"created file in/x"}));
}

TEST_F(RootsOfEngineTest, AnUnwatchedRootCanBeWatchedAgain) {
  home_.write("in/a");
  ASSERT_EQ(watcher_.watch({home_.at("in")}), std::nullopt);
  EXPECT_EQ(watcher_.unwatch(home_.at("in")), std::nullopt);
  ASSERT_EQ(watcher_.watch({home_.at("in")}), std::nullopt);
  watcher_.sync();
  watcher_.told();
  watcher_.mirror_from_listing({home_.at("in")});
  home_.write("in/b");
  EXPECT_EQ(synced(), (Told{"created file in/b"}));
}

TEST_F(RootsOfEngineTest, ARootDeletedAndMadeAgainIsToldInOrder) {
  home_.write("in/a");
  watch({"in"});
  home_.remove("in");
  EXPECT_EQ(synced(), (Told{"deleted file in/a", "root_deleted in"}));
  home_.directory("in");
  home_.write("in/b");
  EXPECT_EQ(synced(), (Told{"root_created in", "created file in/b"}));
  home_.write("in/c");
  EXPECT_EQ(synced(), (Told{"created file in/c"}));
}

TEST_F(RootsOfEngineTest, ARootDeletedIsToldWithoutBeingAskedFor) {
  home_.write("in/a");
  watch({"in"});
  home_.remove("in");
  watcher_.until("the notice", [&] { return watcher_.has_told("root_deleted in"); });
  EXPECT_EQ(watcher_.told(), (Told{"deleted file in/a", "root_deleted in"}));
}

TEST_F(RootsOfEngineTest, ARootReplacedBetweenTwoLooksIsToldAnew) {
  home_.write("in/a");
  watch({"in"});
  home_.move("in", "kept");
  home_.directory("in");
  home_.write("in/b");
  const Told told = synced();
  EXPECT_NE(std::find(told.begin(), told.end(), "deleted file in/a"), told.end());
  EXPECT_NE(std::find(told.begin(), told.end(), "created file in/b"), told.end());
  home_.write("kept/c");
  EXPECT_EQ(synced(), Told{});
}

TEST_F(RootsOfEngineTest, ARootRenamedAwayIsGoneAndWhatChangesThereIsNotTold) {
  home_.write("in/a");
  watch({"in"});
  home_.move("in", "away");
  EXPECT_EQ(synced(), (Told{"deleted file in/a", "root_deleted in"}));
  home_.write("away/b");
  EXPECT_EQ(synced(), Told{});
  home_.move("away", "in");
  EXPECT_EQ(sorted(synced()), (Told{"created file in/a", "created file in/b", "root_created in"}));
}

TEST_F(RootsOfEngineTest, ARenamedAncestorTakesTheRootAway) {
  home_.directory("p/q/in");
  home_.write("p/q/in/a");
  watch({"p/q/in"});
  home_.move("p", "elsewhere");
  EXPECT_EQ(synced(), (Told{"deleted file p/q/in/a", "root_deleted p/q/in"}));
  home_.write("elsewhere/q/in/b");
  EXPECT_EQ(synced(), Told{});
  home_.move("elsewhere", "p");
  EXPECT_EQ(sorted(synced()),
            (Told{"created file p/q/in/a", "created file p/q/in/b", "root_created p/q/in"}));
}

TEST_F(RootsOfEngineTest, ALinkedRootKeepsTheNameByWhichItWasNamed) {
  home_.symlink("in", "link");
  watch({"link"});
  home_.write("in/a");
  EXPECT_EQ(synced(), (Told{"created file link/a"}));
  EXPECT_EQ(watcher_.list(home_.at("link")).entries.size(), 1U);
}

TEST_F(RootsOfEngineTest, ALinkedRootWhoseLinkIsSwitchedShowsWhereItLeadsNow) {
  home_.directory("one");
  home_.directory("two");
  home_.write("one/a");
  home_.write("two/b");
  home_.symlink("one", "link");
  watch({"link"});
  home_.symlink("two", "link~");
  home_.move("link~", "link");
  const Told told = synced();
  EXPECT_NE(std::find(told.begin(), told.end(), "deleted file link/a"), told.end());
  EXPECT_NE(std::find(told.begin(), told.end(), "created file link/b"), told.end());
  home_.write("one/c");
  EXPECT_EQ(synced(), Told{});
  home_.write("two/d");
  EXPECT_EQ(synced(), (Told{"created file link/d"}));
}

TEST_F(RootsOfEngineTest, ARootThatBecomesAFileIsWatchedAsOne) {
  home_.write("in/a");
  ASSERT_EQ(watcher_.watch({home_.at("in")}), std::nullopt);
  home_.remove("in");
  home_.write("in", "text");
  const Told told = synced();
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told.front(), "deleted file in/a");
  EXPECT_EQ(told.back(), "created file in");
  home_.append("in", "more");
  EXPECT_EQ(synced(), (Told{"modified file in"}));
}

TEST_F(RootsOfEngineTest, ARootAtOneDirectoryUnderTwoNamesIsToldUnderBoth) {
  home_.symlink("in", "link");
  watch({"in", "link"});
  home_.write("in/a");
  EXPECT_EQ(sorted(synced()), (Told{"created file in/a", "created file link/a"}));
}

}  // namespace
}  // namespace lookout
