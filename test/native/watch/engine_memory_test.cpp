// Memory after large deletions.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "watch/allocated_bytes.h"
#include "watch/engine_test.h"

namespace lookout {
namespace {

using EngineMemoryTest = EngineTest;

// A tree that is moved in and out again: the same to the engine as its creation and deletion.
TEST_F(EngineMemoryTest, ComesBackAfterTenCyclesOfCreationAndDeletion) {
  constexpr int kFiles = 20'000;
  for (int i = 0; i < kFiles; ++i) {
    const std::string directory = "out/d" + std::to_string(i / 1000);
    if (i % 1000 == 0) home_.directory(directory);
    home_.write(directory + "/" + std::string(150, 'x') + std::to_string(i));
  }
  home_.directory("in");
  ASSERT_EQ(watcher_.watch({home_.at("in")}), std::nullopt);
  const auto in_use = [this] {
    watcher_.sync();
    watcher_.told();
    watcher_.sync();  // at rest
    return allocated_bytes();
  };
  const std::size_t first = in_use();
  std::vector<std::size_t> full;
  std::vector<std::size_t> empty;
  for (int cycle = 0; cycle < 10; ++cycle) {
    home_.move("out", "in/tree");
    full.push_back(in_use());
    ASSERT_EQ(watcher_.engine().info().files, static_cast<std::uint64_t>(kFiles));
    home_.move("in/tree", "out");
    empty.push_back(in_use());
    ASSERT_EQ(watcher_.engine().info().files, 0U);
  }
  EXPECT_LT((empty.back() - first) * 4, full.back() - first);
  EXPECT_LT(full.back(), full[1] + full[1] / 10);
  EXPECT_LT(empty.back(), empty[1] + empty[1] / 10) << testing::PrintToString(empty);
}

}  // namespace
}  // namespace lookout
