#include "watch/model/slot_pool.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <map>
#include <vector>

#include "mutator/random.h"

namespace lookout {
namespace {

TEST(SlotPool, NeverMovesItsValues) {
  SlotPool<int, 2> numbers;
  std::vector<const int*> places;
  for (int i = 0; i < 1000; ++i) {
    const std::size_t slot = numbers.add(i);
    ASSERT_EQ(slot, static_cast<std::size_t>(i));
    places.push_back(&numbers[slot]);
  }
  EXPECT_EQ(numbers.used(), 1000U);
  for (std::size_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(&numbers[i], places[i]);
    EXPECT_EQ(*places[i], static_cast<int>(i));
  }
}

TEST(SlotPool, AddsAValueOfItsOwn) {
  SlotPool<int, 1> numbers;
  numbers.add(7);
  for (int i = 0; i < 10; ++i) numbers.add(numbers[0]);
  EXPECT_EQ(numbers[10], 7);
}

TEST(SlotPool, UsesTheLowestFreeSlotFirst) {
  SlotPool<int, 7> numbers;
  for (int i = 0; i < 1000; ++i) numbers.add(i);
  for (const std::size_t slot : {700U, 3U, 301U}) numbers.remove(slot);
  EXPECT_EQ(numbers.add(0), 3U);
  EXPECT_EQ(numbers.add(0), 301U);
  EXPECT_EQ(numbers.add(0), 700U);
  EXPECT_EQ(numbers.add(0), 1000U);
}

TEST(SlotPool, GivesTheMemoryOfUnusedChunksBackAndReadsThemAsFree) {
  SlotPool<int, 7> numbers;
  for (int i = 0; i < 10000; ++i) numbers.add(i + 1);
  const std::size_t most = numbers.memory();
  for (std::size_t slot = 128; slot < 10000; ++slot) numbers.remove(slot);
  EXPECT_LT(numbers.memory() * 70, most);
  EXPECT_EQ(numbers[127], 128);
  EXPECT_EQ(numbers[128], 0);
  EXPECT_EQ(numbers[9999], 0);
  EXPECT_EQ(numbers.next_used(128), numbers.end());
  for (std::size_t slot = 128; slot < 10000; ++slot) ASSERT_EQ(numbers.add(5), slot);
  EXPECT_EQ(numbers.memory(), most);
}

TEST(SlotPool, HasWhatWasAddedAndNotRemoved) {
  oracle::Random random(1);
  SlotPool<int, 6> pool;
  std::map<std::size_t, int> expected;
  for (int step = 0; step < 20000; ++step) {
    const bool grows = step % 4000 < 2000;
    if (expected.empty() || random.one_in(3) != grows) {
      const std::size_t slot = pool.add(step);
      ASSERT_TRUE(expected.emplace(slot, step).second);
    } else {
      auto gone = expected.lower_bound(random.below(expected.rbegin()->first + 1));
      pool.remove(gone->first);
      expected.erase(gone);
    }
    ASSERT_EQ(pool.used(), expected.size());
    if (step % 100 != 0) continue;
    auto at = pool.next_used(0);
    for (const auto& [slot, value] : expected) {
      ASSERT_EQ(at, slot);
      ASSERT_EQ(pool[slot], value);
      at = pool.next_used(at + 1);
    }
    ASSERT_EQ(at, pool.end());
  }
}

}  // namespace
}  // namespace lookout
