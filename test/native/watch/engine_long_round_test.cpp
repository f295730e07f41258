// A tree that takes long to list does not hold up what changes elsewhere.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "watch/engine_test.h"

namespace lookout {
namespace {

class LongRoundTest : public EngineTest {};

// Issue: a file system that shows a directory in each directory ended all reports.
TEST_F(LongRoundTest, P5AChangeElsewhereIsReportedBeforeALargeNewTreeIsListedToItsEnd) {
  constexpr int kDirectories = 8000;
  home_.directory("in");
  home_.directory("other");
  for (int i = 0; i < kDirectories; ++i) home_.directory("new/" + std::to_string(i) + "/d");
  watch({"in", "other"});
  home_.move("new", "in/new");
  watcher_.until("its listing has begun", [&] { return watcher_.peek().size() > 100; });
  home_.write("other/x");
  const Told told = synced();
  const auto elsewhere = std::find(told.begin(), told.end(), "created file other/x");
  ASSERT_NE(elsewhere, told.end());
  EXPECT_GT(told.end() - elsewhere, kDirectories / 2);
}

}  // namespace
}  // namespace lookout
