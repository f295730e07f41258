// Credit (P3), sync, settle, and that requests are served meanwhile (P5).
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "watch/engine_test.h"

namespace lookout {
namespace {

class FlowTest : public EngineTest {
 protected:
  void SetUp() override { home_.directory("in"); }

  // Runs the loop until the kernel's hints have arrived in the engine, and a request more.
  static void hear(Watcher& watcher) {
    watcher.until("the hints were heard", [&] { return watcher.engine().info().dirty > 0; });
    watcher.list();
  }

  // More than 1 MiB of paths of files that are too large to be read, in the directory `deep`.
  void make_bad_rule_files(std::string& deep) {
    deep = "in";
    while (deep.size() < 3000) deep += '/' + std::string(200, 'x');
    for (int i = 0; i < kBadFiles; ++i) {
      const std::string directory = deep + '/' + std::to_string(i);
      home_.directory(directory);
      home_.write(directory + "/.gitignore");
      ASSERT_EQ(::truncate(home_.at(directory + "/.gitignore").c_str(), 100'000), 0);
    }
  }
  static void expect_bounded(const Told& told, const std::string& deep) {
    std::size_t bytes = 0;
    for (const std::string& line : told) bytes += line.size();
    EXPECT_LT(bytes, 1'200'000U);
    EXPECT_GT(told.size(), 200U);
    const std::string left = std::to_string(kBadFiles + 1 - static_cast<int>(told.size()));
    EXPECT_EQ(told.back(), "omitted " + left + " at " + deep);
  }
  static constexpr int kBadFiles = 600;

  void make_files(int count) {
    for (int i = 0; i < count; ++i) home_.write("in/" + std::to_string(i));
  }
};

TEST_F(FlowTest, NothingIsToldWithoutCredit) {
  Watcher watcher(home_.path(), 0);
  ASSERT_EQ(watcher.watch({home_.at("in")}), std::nullopt);
  home_.write("in/a");
  hear(watcher);
  EXPECT_EQ(watcher.told(), Told{});
  EXPECT_EQ(watcher.engine().info().credit, 0U);
  watcher.engine().grant(1);
  watcher.until("the credit was used", [&] { return watcher.last_seq() == 1; });
  EXPECT_EQ(watcher.told(), (Told{"created file in/a"}));
  EXPECT_EQ(watcher.engine().info().credit, 0U);
}

TEST_F(FlowTest, ExactlyAsManyBatchesComeAsWereGranted) {
  Watcher watcher(home_.path(), 0);
  ASSERT_EQ(watcher.watch({home_.at("in")}), std::nullopt);
  watcher.mirror_from_listing({home_.at("in")});
  constexpr int kFiles = 2000;
  make_files(kFiles);
  watcher.engine().grant(2);
  watcher.until("two batches came", [&] { return watcher.last_seq() == 2; });
  watcher.list();
  watcher.list();
  EXPECT_EQ(watcher.last_seq(), 2U);
  EXPECT_LT(watcher.peek().size(), std::size_t{kFiles});
  watcher.engine().grant(Engine::kUnlimited);
  EXPECT_EQ(watcher.engine().info().credit, std::nullopt);
  watcher.sync();
  watcher.expect_mirror_is_disk();
  EXPECT_EQ(watcher.peek().size(), std::size_t{kFiles});
}

TEST_F(FlowTest, ChangesAreMergedWhileThereIsNoCredit) {
  home_.write("in/written");
  Watcher watcher(home_.path(), 0);
  ASSERT_EQ(watcher.watch({home_.at("in")}), std::nullopt);
  for (int i = 0; i < 50; ++i) {
    home_.append("in/written", "x");
    home_.write("in/passing");
    hear(watcher);
    home_.remove("in/passing");
  }
  EXPECT_LE(watcher.engine().info().dirty, 2U);
  watcher.engine().grant(Engine::kUnlimited);
  watcher.sync();
  EXPECT_EQ(watcher.told(), (Told{"modified file in/written"}));
}

TEST_F(FlowTest, NothingIsToldWhileTheListenerHasNoRoom) {
  watch({"in"});
  watcher_.set_room(false);
  home_.write("in/a");
  watcher_.until("the hints were heard", [&] { return watcher_.engine().info().dirty > 0; });
  // A refused request is answered whether there is room or not.
  EXPECT_TRUE(watcher_.unwatch(home_.at("elsewhere")).has_value());
  EXPECT_EQ(watcher_.peek(), Told{});
  watcher_.set_room(true);
  watcher_.engine().resume();
  watcher_.until("creation", [&] { return watcher_.has_told("created file in/a"); });
}

// P3, P7. There is no credit before the watch is answered, and the crawl does not wait for any.
TEST_F(FlowTest, NoticesOfACrawlAreBoundedInBytes) {
  std::string deep;
  make_bad_rule_files(deep);
  Watcher watcher(home_.path(), 0);
  ASSERT_EQ(watcher.watch({home_.at("in")}, {.gitignore = true}), std::nullopt);
  EXPECT_EQ(watcher.peek(), Told{});
  watcher.engine().grant(1);
  watcher.until("the notices came", [&] { return !watcher.peek().empty(); });
  expect_bounded(watcher.told(), deep);
}

TEST_F(FlowTest, NoticesWaitForRoomAndAreBoundedInBytes) {
  std::string deep;
  make_bad_rule_files(deep);
  watcher_.set_room(false);
  ASSERT_EQ(watcher_.watch({home_.at("in")}, {.gitignore = true}), std::nullopt);
  EXPECT_EQ(watcher_.peek(), Told{});
  watcher_.set_room(true);
  watcher_.engine().resume();
  watcher_.sync();
  expect_bounded(watcher_.told(), deep);
}

TEST_F(FlowTest, SyncWaitsForCreditWhereThereIsSomethingToTell) {
  Watcher watcher(home_.path(), 0);
  ASSERT_EQ(watcher.watch({home_.at("in")}), std::nullopt);
  home_.write("in/a");
  bool answered = false;
  watcher.engine().sync([&](Result<std::uint64_t> seq) {
    EXPECT_EQ(std::get<std::uint64_t>(seq), 1U);
    EXPECT_EQ(watcher.peek(), (Told{"created file in/a"}));
    answered = true;
  });
  hear(watcher);
  EXPECT_FALSE(answered);
  watcher.engine().grant(Engine::kUnlimited);
  watcher.until("sync was answered", [&] { return answered; });
}

TEST_F(FlowTest, SyncTellsTheNumberOfTheLastBatchAndTakesTurns) {
  watch({"in"});
  EXPECT_EQ(watcher_.sync(), 0U);
  home_.write("in/a");
  EXPECT_EQ(watcher_.sync(), 1U);
  EXPECT_EQ(watcher_.sync(), 1U);
  std::vector<int> order;
  for (int i = 0; i < 3; ++i) {
    watcher_.engine().sync([&order, i](const Result<std::uint64_t>&) { order.push_back(i); });
  }
  watcher_.until("all were answered", [&] { return order.size() == 3; });
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
}

TEST_F(FlowTest, SyncEndsUnderASteadyWriter) {
  watch({"in"});
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (int i = 0; !stop; ++i) {
      home_.write("in/steady" + std::to_string(i % 50), std::to_string(i));
      if (i % 7 == 0) home_.remove("in/steady" + std::to_string(i % 50));
    }
  });
  for (int i = 0; i < 5; ++i) {
    const std::string name = "in/mine" + std::to_string(i);
    home_.write(name);
    watcher_.sync();
    EXPECT_TRUE(watcher_.has_told("created file " + name));
  }
  stop = true;
  writer.join();
  synced();
}

TEST_F(FlowTest, SettleHoldsChangesBackButNotASync) {
  watch({"in"});
  watcher_.engine().set({.settle = 3'600'000});
  home_.write("in/a");
  hear(watcher_);
  home_.write("in/b");
  hear(watcher_);
  EXPECT_EQ(watcher_.peek(), Told{});
  EXPECT_EQ(synced(), (Told{"created file in/a", "created file in/b"}));
  EXPECT_EQ(watcher_.last_seq(), 1U);
}

TEST_F(FlowTest, ABurstIsOneBatchOnceItHasSettled) {
  watch({"in"});
  watcher_.engine().set({.settle = 1000});
  for (const char* name : {"in/a", "in/b", "in/c"}) {
    home_.write(name);
    hear(watcher_);
  }
  watcher_.until("the burst came", [&] { return watcher_.has_told("created file in/c"); });
  EXPECT_EQ(watcher_.batch_sizes(), (std::vector<std::size_t>{3}));
}

TEST_F(FlowTest, ChangesThatNeverPauseComeAfterTheLongestSettleTime) {
  watch({"in"});
  watcher_.engine().set({.settle = 3'600'000, .max_settle = 50});
  home_.write("in/a");
  watcher_.until("the change came", [&] { return watcher_.has_told("created file in/a"); });
}

TEST_F(FlowTest, ABusyFileThatIsIgnoredDoesNotProlongTheSettleTime) {
  WatchOptions options;
  options.ignore = {"*.log"};
  home_.write("in/busy.log");
  watch({"in"}, options);
  watcher_.engine().set({.settle = 100, .max_settle = 86'400'000});
  home_.write("in/a");
  watcher_.until("the change came", [&] {
    home_.append("in/busy.log", "x");
    return watcher_.has_told("created file in/a");
  });
}

TEST_F(FlowTest, OnlyTheChangesThatAreWantedAreToldAndTheOthersCostNoCredit) {
  Watcher watcher(home_.path(), 1);
  ASSERT_EQ(watcher.watch({home_.at("in")}), std::nullopt);
  watcher.engine().set({.changes = ChangeSet().set(static_cast<std::size_t>(Change::deleted))});
  home_.write("in/a");
  home_.write("in/b");
  watcher.sync();
  EXPECT_EQ(watcher.told(), Told{});
  home_.remove("in/a");
  watcher.sync();
  EXPECT_EQ(watcher.told(), Told{"deleted file in/a"});
  EXPECT_EQ(watcher.last_seq(), 1U);
}

TEST_F(FlowTest, BatchesAreBounded) {
  watch({"in"});
  make_files(3000);
  EXPECT_EQ(synced().size(), 3000U);
  EXPECT_GT(watcher_.batch_sizes().size(), 1U);
  for (const std::size_t size : watcher_.batch_sizes()) EXPECT_LE(size, 1024U);
}

TEST_F(FlowTest, InfoCountsWhatWasTold) {
  home_.directory("in/d");
  home_.write("in/d/x");
  watch({"in"});
  home_.write("in/d/y");
  synced();
  const EngineInfo info = watcher_.engine().info();
  EXPECT_EQ(info.directories, 2U);
  EXPECT_EQ(info.files, 2U);
  EXPECT_EQ(info.watches, 2U);
  EXPECT_EQ(info.batches, 1U);
  EXPECT_EQ(info.events, 1U);
  EXPECT_EQ(info.overflows, 0U);
  EXPECT_EQ(info.dirty, 0U);
  EXPECT_EQ(info.credit, std::nullopt);
  EXPECT_GT(info.memory, 0U);
}

TEST_F(FlowTest, TwoEnginesInOneProcessDoNotDisturbEachOther) {
  home_.directory("in/d");
  Watcher other(home_.path());
  ASSERT_EQ(other.watch({home_.at("in/d")}), std::nullopt);
  other.mirror_from_listing({home_.at("in/d")});
  watch({"in"});
  home_.write("in/a");
  home_.write("in/d/x");
  other.sync();
  EXPECT_EQ(other.told(), (Told{"created file in/d/x"}));
  EXPECT_EQ(sorted(synced()), (Told{"created file in/a", "created file in/d/x"}));
  EXPECT_EQ(other.unwatch(home_.at("in/d")), std::nullopt);
  home_.write("in/d/y");
  EXPECT_EQ(synced(), (Told{"created file in/d/y"}));
}

TEST_F(FlowTest, AnEngineMayEndWithAnswersOutstanding) {
  make_files(100);
  Watcher watcher(home_.path(), 0);
  const auto never = [](auto&&...) { ADD_FAILURE() << "answered after the end"; };
  watcher.engine().watch({home_.at("in")}, {}, never);
  watcher.engine().sync(never);
  watcher.engine().list({}, true, never, never);
}

}  // namespace
}  // namespace lookout
