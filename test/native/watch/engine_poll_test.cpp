// Directories that are polled: the promises hold at the interval, and at every sync.
#include <string>

#include "watch/engine_test.h"
#include "watch/sources/hint_source.h"

namespace lookout {
namespace {

class PollTest : public EngineTest {
 protected:
  void SetUp() override {
    home_.directory("in/sub");
    home_.write("in/old", "x");
    home_.write("in/sub/old", "x");
  }

  // What is checked at in the tick of its last change is told once more, so that no change within
  // the same tick is lost. A tick later nothing is.
  Told settled() {
    let_a_tick_pass();
    return synced();
  }

  void watch_polling() {
    let_a_tick_pass();
    watcher_.engine().set({.poll_interval = 20});
    watch({"in"}, {.backend = Backend::poll});
  }
};

TEST_F(PollTest, PollingTakesNoWatches) {
  watch_polling();
  const EngineInfo info = watcher_.engine().info();
  EXPECT_EQ(info.watches, 0U);
  EXPECT_EQ(info.polled, 2U);
  ASSERT_EQ(info.roots.size(), 1U);
  EXPECT_EQ(info.roots[0].first, home_.at("in"));
  EXPECT_EQ(info.roots[0].second, "poll");
}

TEST_F(PollTest, TheSourceOfEachRootIsTold) {
  watch({"in/sub"});
  const auto source = watcher_.engine().info().roots.at(0).second;
  EXPECT_EQ(source, make_hint_source()->name(0));
  home_.remove("in/sub");
  watcher_.until("the root was gone", [&] { return watcher_.has_told("root_deleted in/sub"); });
  EXPECT_EQ(watcher_.engine().info().roots.at(0).second, "");
}

TEST_F(PollTest, ASyncFindsEveryKindOfChange) {
  watch_polling();
  home_.append("in/old", "y");
  EXPECT_EQ(settled(), (Told{"modified file in/old"}));
  home_.write("in/sub/new", "x");
  home_.directory("in/made/deep");
  EXPECT_EQ(sorted(settled()), (Told{"created directory in/made", "created directory in/made/deep",
                                     "created file in/sub/new"}));
  home_.remove("in/sub/old");
  EXPECT_EQ(settled(), (Told{"deleted file in/sub/old"}));
}

TEST_F(PollTest, AnOldFileOrDirectoryThatIsMovedIsRenamed) {
  watch_polling();
  let_a_tick_pass();
  EXPECT_EQ(synced(), Told{});
  home_.move("in/old", "in/sub/elsewhere");
  EXPECT_EQ(settled(), (Told{"renamed file in/old -> in/sub/elsewhere"}));
  home_.move("in/sub", "in/other");
  EXPECT_EQ(settled(), (Told{"renamed directory in/sub -> in/other"}));
}

TEST_F(PollTest, ChangesAreToldWithoutASync) {
  watch_polling();
  home_.write("in/sub/new", "x");
  watcher_.until("the file was told", [&] { return watcher_.has_told("created file in/sub/new"); });
  home_.remove("in/sub/new");
  watcher_.until("its end was told", [&] { return watcher_.has_told("deleted file in/sub/new"); });
}

TEST_F(PollTest, ARootThatGoesAndComesIsNoticed) {
  watch_polling();
  home_.remove("in");
  watcher_.until("the root was gone", [&] { return watcher_.has_told("root_deleted in"); });
  home_.directory("in");
  home_.write("in/again", "x");
  watcher_.until("it was back", [&] { return watcher_.has_told("created file in/again"); });
  EXPECT_TRUE(watcher_.has_told("root_created in"));
}

TEST_F(PollTest, WhatIsWrittenAgainInTheSameTickIsNotLost) {
  watch_polling();
  for (int i = 0; i < 50; ++i) {
    home_.write("in/old", i % 2 == 0 ? "a" : "b");  // the same size, and often the same time
    const Told told = synced();
    ASSERT_FALSE(told.empty()) << "write " << i << " was not told";
    EXPECT_EQ(told.front(), "modified file in/old");
  }
}

TEST_F(PollTest, APolledDirectoryBesideAWatchedOneDoesNotLoseItsChanges) {
  if (make_hint_source()->fd() < 0) GTEST_SKIP() << "nothing can be watched here";
  home_.directory("watched");
  let_a_tick_pass();
  ASSERT_EQ(watcher_.watch({home_.at("watched")}), std::nullopt);
  watcher_.engine().set({.poll_interval = 3'600'000});
  ASSERT_EQ(watcher_.watch({home_.at("in")}, {.backend = Backend::poll}), std::nullopt);
  home_.append("in/sub/old", "y");
  // The clean moment of the hints moves on past the write.
  for (int i = 0; i < 3; ++i) {
    const std::string name = "watched/" + std::to_string(i);
    home_.write(name);
    watcher_.until("it was told", [&] { return watcher_.has_told("created file " + name); });
  }
  watcher_.sync();
  EXPECT_TRUE(watcher_.has_told("modified file in/sub/old"));
}

TEST_F(PollTest, AWriteThroughALinkThatIsGoneByTheNextPollIsToldOfTheOtherLink) {
  if (make_hint_source()->fd() < 0) GTEST_SKIP() << "nothing can be watched here";
  home_.directory("watched");
  home_.link("in/sub/old", "watched/same");
  let_a_tick_pass();
  ASSERT_EQ(watcher_.watch({home_.at("watched")}), std::nullopt);
  watcher_.engine().set({.poll_interval = 3'600'000});
  ASSERT_EQ(watcher_.watch({home_.at("in")}, {.backend = Backend::poll}), std::nullopt);
  let_a_tick_pass();
  watcher_.sync();
  home_.append("in/sub/old", "y");
  home_.remove("in/sub/old");
  EXPECT_EQ(sorted(synced()), (Told{"deleted file in/sub/old", "modified file watched/same"}));
}

}  // namespace
}  // namespace lookout
