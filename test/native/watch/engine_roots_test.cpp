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

TEST_F(RootsOfEngineTest, ARootAddedAboveAnotherThatItIgnoresChangesNothingOfThat) {
  home_.directory("in/build/d");
  home_.write("in/build/x");
  ASSERT_EQ(watcher_.watch({home_.at("in/build")}), std::nullopt);
  WatchOptions options;
  options.ignore = {"build"};
  ASSERT_EQ(watcher_.watch({home_.at("in")}, options), std::nullopt);
  EXPECT_EQ(synced(), Told{});
  home_.write("in/build/y");
  home_.write("in/y");
  EXPECT_EQ(sorted(synced()), (Told{"created file in/build/y", "created file in/y"}));
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

TEST_F(RootsOfEngineTest, P1ARootThatIsCreatedAgainAndMayNotBeReadIsReadWhenItMay) {
  if (!Unprivileged::reaches(home_.path())) GTEST_SKIP() << "only root can reach " << home_.path();
  home_.directory("in/root");
  ASSERT_EQ(watcher_.watch({home_.at("in/root")}), std::nullopt);
  for (const ::mode_t mode : {0000U, 0444U}) {
    home_.remove("in/root");
    home_.directory("in/root");
    home_.write("in/root/x");
    home_.set_mode("in/root", mode);
    {
      const Unprivileged user;
      watcher_.sync();
      EXPECT_TRUE(watcher_.has_told("unreadable in/root eacces"));
    }
    home_.set_mode("in/root", 0755);
    const Unprivileged user;
    watcher_.sync();
    EXPECT_TRUE(watcher_.has_told("created file in/root/x"));
    watcher_.told();
  }
}

// No event reports the mode of a directory above the root.
TEST_F(RootsOfEngineTest, P1ChangesWhileADirectoryAboveTheRootDeniesAccessAreReportedAfterwards) {
  if (!Unprivileged::reaches(home_.path())) GTEST_SKIP() << "only root can reach " << home_.path();
  home_.directory("in/root/a/b");
  home_.directory("in/root/c");
  {
    const Unprivileged user;
    watch({"in/root"});
    ASSERT_EQ(synced(), Told{});
  }
  home_.set_mode("in", 0700);
  for (const char* name : {"in/root/a/b/x", "in/root/c/x", "in/root/x"}) home_.write(name);
  {
    const Unprivileged user;
    watcher_.sync();
    EXPECT_EQ(watcher_.told(), (Told{"unreadable in/root eacces"}));
  }
  home_.set_mode("in", 0755);
  const Unprivileged user;
  EXPECT_EQ(synced().size(), 3U);
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

// What is watched while a component of its path is replaced: another root goes on, and the engine
// rests.
TEST_F(RootsOfEngineTest, ARootWhoseParentIsReplacedStopsNoOther) {
  const auto replace = [&](const std::string& kind) {
    if (kind == "a file") home_.write("a");
    if (kind == "a link to a file") home_.symlink("in/file", "a");
    if (kind == "a link to nothing") home_.symlink("nowhere", "a");
    if (kind == "a loop of links") home_.symlink("a", "a");
    if (kind == "a link to a directory") home_.symlink("in", "a");
    if (kind == "a directory") home_.directory("a");
  };
  home_.write("in/file");
  home_.directory("a/sub/root");
  ASSERT_EQ(watcher_.watch({home_.at("a/sub/root"), home_.at("in")}), std::nullopt);
  for (const char* kind : {"a file", "a link to a file", "a link to nothing", "a loop of links",
                           "a link to a directory", "a directory", "nothing"}) {
    home_.move("a", "away");
    replace(kind);
    home_.write("in/x");
    EXPECT_EQ(sorted(synced()), (Told{"created file in/x", "root_deleted a/sub/root"})) << kind;
    const std::uint64_t checks = watcher_.engine().info().root_checks;
    home_.remove("in/x");
    EXPECT_EQ(synced(), (Told{"deleted file in/x"})) << kind;
    EXPECT_EQ(watcher_.engine().info().root_checks, checks) << kind;
    if (std::string(kind) != "nothing") home_.remove("a");
    home_.move("away", "a");
    EXPECT_EQ(synced(), (Told{"root_created a/sub/root"})) << kind;
  }
}

class ManyRootsTest : public RootsOfEngineTest {
 protected:
  static constexpr std::uint64_t kRoots = 300;

  std::vector<std::string> paths(const std::string& directory, const std::string& kind) const {
    std::vector<std::string> paths;
    for (std::uint64_t i = 0; i < kRoots; ++i) {
      const std::string name = directory + "/r" + std::to_string(i);
      kind == "file" ? home_.write(name) : home_.directory(name);
      paths.push_back(home_.at(name));
    }
    return paths;
  }
  std::uint64_t checks() {
    const std::uint64_t before = checks_;
    checks_ = watcher_.engine().info().root_checks;
    return checks_ - before;
  }

 private:
  std::uint64_t checks_ = 0;
};

TEST_F(ManyRootsTest, AChangeConcernsOnlyTheRootThatItIsAbout) {
  home_.directory("a/files");
  home_.directory("a/directories");
  for (const std::string kind : {"file", "directory"}) {
    const std::string where = kind == "file" ? "a/files" : "a/directories";
    ASSERT_EQ(watcher_.watch(paths(where, kind)), std::nullopt);
    synced();
    checks();
    home_.remove(where + "/r7");
    EXPECT_NE(synced(), Told{}) << kind;
    EXPECT_LE(checks(), 4U) << kind;
    ASSERT_EQ(watcher_.unwatch(home_.at(where + "/r8")), std::nullopt);
    synced();
    EXPECT_LE(checks(), 4U) << kind;
    ASSERT_EQ(watcher_.watch({home_.at(where + "/r8")}), std::nullopt);
    synced();
    EXPECT_LE(checks(), 4U) << kind;
  }
}

TEST_F(ManyRootsTest, WhatConcernsAllOfThemChecksEachAFewTimes) {
  home_.directory("a/b");
  ASSERT_EQ(watcher_.watch(paths("a/b", "file")), std::nullopt);
  synced();
  checks();
  for (std::uint64_t i = 0; i < kRoots; ++i) home_.remove("a/b/r" + std::to_string(i));
  EXPECT_EQ(synced().size(), 2 * kRoots);
  EXPECT_LE(checks(), 4 * kRoots);
  paths("a/b", "file");
  EXPECT_EQ(synced().size(), 2 * kRoots);
  EXPECT_LE(checks(), 4 * kRoots);
  home_.move("a", "c");
  EXPECT_EQ(synced().size(), 2 * kRoots);
  EXPECT_LE(checks(), 4 * kRoots);
}

TEST_F(ManyRootsTest, AnotherRootIsHeardWhileManyConcernThemselvesWithTheirEnd) {
  home_.directory("a/b");
  std::vector<std::string> all = paths("a/b", "directory");
  all.push_back(home_.at("in"));
  ASSERT_EQ(watcher_.watch(all), std::nullopt);
  synced();
  home_.move("a", "c");
  home_.write("in/x");
  const Told told = synced();
  ASSERT_EQ(told.size(), kRoots + 1);
  EXPECT_NE(told.back(), "created file in/x");
  const auto at = std::find(told.begin(), told.end(), "created file in/x") - told.begin();
  EXPECT_LT(at, static_cast<std::ptrdiff_t>(kRoots) / 2);
}

TEST_F(ManyRootsTest, SingleFilesOfOneDirectoryShareItsWatch) {
  home_.directory("a");
  ASSERT_EQ(watcher_.watch(paths("a", "file")), std::nullopt);
  EXPECT_EQ(watcher_.engine().info().watches, 1U);
  EXPECT_EQ(watcher_.engine().info().roots.size(), kRoots);
  EXPECT_EQ(watcher_.engine().info().roots[0].second, "inotify");
  for (std::uint64_t i = 0; i < kRoots; ++i) {
    ASSERT_EQ(watcher_.unwatch(home_.at("a/r" + std::to_string(i))), std::nullopt);
  }
  synced();
  EXPECT_EQ(watcher_.engine().info().watches, 0U);
  EXPECT_EQ(watcher_.engine().info().roots.size(), 0U);
}

TEST_F(RootsOfEngineTest, ASingleFileInADirectoryWatchedWithoutRecursionIsReportedOnce) {
  WatchOptions flat;
  flat.recursive = false;
  home_.write("in/a");
  ASSERT_EQ(watcher_.watch({home_.at("in/a")}), std::nullopt);
  ASSERT_EQ(watcher_.watch({home_.at("in")}, flat), std::nullopt);
  synced();
  home_.append("in/a", "x");
  EXPECT_EQ(synced(), (Told{"modified file in/a"}));
  ASSERT_EQ(watcher_.unwatch(home_.at("in")), std::nullopt);
  synced();
  home_.append("in/a", "x");
  EXPECT_EQ(synced(), (Told{"modified file in/a"}));
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

TEST_F(RootsOfEngineTest, ARootWatchedAgainBeforeItsRemovalWasDoneIsReportedOnce) {
  home_.write("in/x");
  WatchOptions options;
  options.report_existing = true;
  watcher_.mirror_from_nothing({home_.at("in")});
  ASSERT_EQ(watcher_.watch({home_.at("in")}, options), std::nullopt);
  EXPECT_EQ(synced(), (Told{"created file in/x"}));
  // Which of the two is checked first depends on where they are in memory.
  for (int i = 0; i < 20; ++i) {
    watcher_.engine().unwatch(home_.at("in"), [](const Result<Done>&) {});
    ASSERT_EQ(watcher_.watch({home_.at("in")}, options), std::nullopt);
    EXPECT_EQ(synced(), (Told{"deleted file in/x", "created file in/x"}));
  }
}

TEST_F(RootsOfEngineTest, ASingleFileWatchedAgainBeforeItsRemovalWasReportedIsKnown) {
  home_.write("in/x");
  home_.write("in/y");
  Watcher watcher(home_.path(), 0);
  ASSERT_EQ(watcher.watch({home_.at("in/x"), home_.at("in/y")}), std::nullopt);
  watcher.engine().unwatch(home_.at("in/x"), [](const Result<Done>&) {});
  ASSERT_EQ(watcher.watch({home_.at("in/x")}), std::nullopt);
  watcher.engine().grant(Engine::kUnlimited);
  watcher.sync();
  EXPECT_EQ(watcher.list().entries.size(), 2U);
}

TEST_F(RootsOfEngineTest, AListingHasNothingThatAGivenUpRootHadNotReported) {
  constexpr int kFiles = 20000;
  for (int i = 0; i < kFiles; ++i) home_.write("in/" + std::to_string(i));
  WatchOptions options;
  options.report_existing = true;
  for (const std::uint64_t credit : {0, 1}) {
    Watcher watcher(home_.path(), 0);
    ASSERT_EQ(watcher.watch({home_.at("in")}, options), std::nullopt);
    watcher.engine().grant(credit);
    watcher.until("what there is credit for was reported",
                  [&] { return watcher.last_seq() == credit; });
    std::size_t reported = watcher.told().size();
    home_.directory("other");
    ASSERT_EQ(::rename(home_.at("in").c_str(), home_.at("other/in").c_str()), 0);
    bool answered = false;
    watcher.engine().unwatch(home_.at("in"), [&](const Result<Done>&) { answered = true; });
    for (int i = 0; i < 3; ++i) EXPECT_EQ(watcher.list().entries.size(), reported);
    EXPECT_TRUE(answered);
    ASSERT_EQ(::rename(home_.at("other/in").c_str(), home_.at("in").c_str()), 0);
  }
}

TEST_F(RootsOfEngineTest, ASyncIsAnsweredAfterANoticeThatWaitsForCredit) {
  WatchOptions options;
  options.wait_for_missing = true;
  Watcher watcher(home_.path(), 0);
  ASSERT_EQ(watcher.watch({home_.at("missing")}, options), std::nullopt);
  Told before;
  bool answered = false;
  watcher.engine().sync([&](const Result<std::uint64_t>&) {
    answered = true;
    before = watcher.peek();
  });
  // By the time that this is answered the sync would have been, too.
  ASSERT_EQ(watcher.watch({home_.at("in")}), std::nullopt);
  ASSERT_EQ(watcher.list().entries.size(), 0U);
  watcher.engine().grant(1);
  watcher.until("the sync was answered", [&] { return answered; });
  EXPECT_EQ(before, (Told{"root_deleted missing"}));
}

// The directory above the root is another one by the time that the rename is noticed, with another
// directory at the same name in it.
TEST_F(RootsOfEngineTest, AMissingRootIsFoundWhereAnAncestorWasReplacedByOneThatLooksTheSame) {
  home_.directory("a/b");
  WatchOptions options;
  options.wait_for_missing = true;
  ASSERT_EQ(watcher_.watch({home_.at("a/b/root")}, options), std::nullopt);
  EXPECT_EQ(synced(), (Told{"root_deleted a/b/root"}));
  home_.move("a", "elsewhere");
  home_.directory("a/b");
  EXPECT_EQ(synced(), Told{});
  home_.directory("a/b/root/x");
  EXPECT_EQ(synced(), (Told{"root_created a/b/root", "created directory a/b/root/x"}));
}

TEST_F(RootsOfEngineTest, WhatAFileGaveWayToIsReportedByTheOuterRootOnly) {
  home_.write("in/d");
  WatchOptions options;
  options.wait_for_missing = true;
  watcher_.mirror_from_nothing({home_.at("in")});
  WatchOptions existing = options;
  existing.report_existing = true;
  ASSERT_EQ(watcher_.watch({home_.at("in"), home_.at("in/d/sub")}, existing), std::nullopt);
  watcher_.sync();
  EXPECT_EQ(sorted(watcher_.told()), (Told{"created file in/d", "root_deleted in/d/sub"}));
  for (int i = 0; i < 10; ++i) {
    home_.remove("in/d");
    home_.directory("in/d/sub/x");
    EXPECT_EQ(sorted(synced()),
              (Told{"created directory in/d", "created directory in/d/sub",
                    "created directory in/d/sub/x", "deleted file in/d", "root_created in/d/sub"}));
    home_.remove("in/d");
    home_.write("in/d");
    watcher_.sync();
    watcher_.told();
  }
}

TEST_F(RootsOfEngineTest, ASingleFileThatIsGoneWhenAnotherRootTakesItOverIsReportedAsGone) {
  home_.write("in/x");
  home_.write("in/y");
  for (const char* others : {"in/x", "in/y"}) {  // the base goes with it, or stays
    Watcher watcher(home_.path());
    home_.write("in/x");
    std::vector<std::string> paths{home_.at("in/x")};
    if (paths.front() != home_.at(others)) paths.push_back(home_.at(others));
    ASSERT_EQ(watcher.watch(paths), std::nullopt);
    WatchOptions flat;
    flat.recursive = false;
    home_.remove("in/x");
    ASSERT_EQ(watcher.watch({home_.at("in")}, flat), std::nullopt);
    watcher.sync();
    EXPECT_TRUE(watcher.has_told("root_deleted in/x"));
  }
}

TEST_F(RootsOfEngineTest, ASingleFileNamedByALinkThatComesToLeadNowhereIsGone) {
  home_.write("in/x");
  home_.symlink("in/x", "link");
  ASSERT_EQ(watcher_.watch({home_.at("link")}), std::nullopt);
  home_.remove("in/x");
  home_.symlink("x", "in/x");  // a loop
  EXPECT_EQ(sorted(synced()), (Told{"deleted file link", "root_deleted link"}));
  home_.remove("in/x");
  home_.write("in/x");
  EXPECT_EQ(sorted(synced()), (Told{"created file link", "root_created link"}));
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
