// Learning a large tree: what is read ahead of its use is as right as what is read when it is used.
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>

#include "watch/engine_test.h"

namespace lookout {
namespace {

constexpr int kDirectories = 600;

class CrawlTest : public EngineTest {
 protected:
  void SetUp() override {
    for (int i = 0; i < kDirectories; ++i) {
      home_.directory(place(i));
      for (int file = 0; file < i % 7; ++file) home_.write(place(i) + "/f" + std::to_string(file));
    }
  }

  // Three levels, ten directories in each.
  static std::string place(int number) {
    std::string path = "in";
    for (int rest = number + 1; rest > 0; rest /= 10) path += "/d" + std::to_string(rest % 10);
    return path;
  }
};

TEST_F(CrawlTest, ATreeIsLearntWhole) {
  watch({"in"});
  watcher_.mirror_from_listing({home_.at("in")});
  EXPECT_EQ(watcher_.engine().info().watches, watcher_.engine().info().directories);
}

// Whatever is done while it is learnt is in the tree after the next sync, and told from then on.
TEST_F(CrawlTest, WhatChangesWhileATreeIsLearntIsKnown) {
  for (int round = 0; round < 5; ++round) {
    std::atomic<bool> over = false;
    std::thread writer([&] {
      for (int i = 0; !over; i = (i + 7) % kDirectories) {
        const std::string directory = place(i);
        home_.directory(directory + "/new/below");
        home_.write(directory + "/new/below/x");
        home_.move(directory + "/new", directory + "/moved");
        home_.write(directory + "/moved/y");
        home_.remove(directory + "/moved/below");
        if (i % 2 == 0) home_.remove(directory + "/moved");
        if (i % 2 != 0) home_.move(directory + "/moved", "in/kept" + std::to_string(i));
        if (i % 2 != 0) home_.remove("in/kept" + std::to_string(i));
      }
    });
    Watcher watcher(home_.path());
    EXPECT_EQ(watcher.watch({home_.at("in")}), std::nullopt);
    over = true;
    writer.join();
    watcher.sync();
    watcher.mirror_from_listing({home_.at("in")});
    home_.write(place(round) + "/later");
    watcher.sync();
    watcher.expect_mirror_is_disk();
  }
}

TEST_F(CrawlTest, ARootThatIsGivenUpWhileItIsLearntLeavesNothing) {
  Engine& engine = watcher_.engine();
  engine.watch({home_.at("in")}, {}, [](const Result<Done>& /*outcome*/) {});
  watcher_.until("some directories are known", [&] { return engine.info().directories > 20; });
  EXPECT_EQ(watcher_.unwatch(home_.at("in")), std::nullopt);
  watcher_.sync();
  EXPECT_TRUE(watcher_.list().entries.empty());
  EXPECT_EQ(engine.info().watches, 0U);
  EXPECT_EQ(engine.info().directories, 0U);
  watch({"in"});
  watcher_.mirror_from_listing({home_.at("in")});
}

}  // namespace
}  // namespace lookout
