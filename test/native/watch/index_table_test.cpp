#include "watch/model/index_table.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <unordered_set>

#include "watch/model/hash.h"

namespace lookout {
namespace {

struct GoodHash {
  std::uint64_t operator()(std::uint32_t index) const { return mix(index, 1); }
};
struct SameHash {
  std::uint64_t operator()(std::uint32_t) const { return 61; }
};
// Long runs that wrap around the end of the smallest table.
struct ClusteredHash {
  std::uint64_t operator()(std::uint32_t index) const { return 56 + index % 8; }
};

template <class Hash>
class IndexTableTest : public testing::Test {
 protected:
  bool contains(std::uint32_t index) const {
    return table_.find(Hash{}(index), [&](std::uint32_t found) { return found == index; }) == index;
  }

  IndexTable<Hash> table_{Hash{}};
};

using Hashes = testing::Types<GoodHash, SameHash, ClusteredHash>;
TYPED_TEST_SUITE(IndexTableTest, Hashes);

TYPED_TEST(IndexTableTest, FindsNothingWhenEmpty) {
  EXPECT_EQ(this->table_.size(), 0U);
  EXPECT_FALSE(this->contains(1));
}

TYPED_TEST(IndexTableTest, FindsByEqualityAndNotByHashAlone) {
  this->table_.insert(8);
  this->table_.insert(16);
  EXPECT_TRUE(this->contains(8));
  EXPECT_TRUE(this->contains(16));
  EXPECT_FALSE(this->contains(24));
}

TYPED_TEST(IndexTableTest, FindsOrInsertsButOnce) {
  const auto equal = [](std::uint32_t found) { return found % 100 == 7; };
  EXPECT_EQ(this->table_.find_or_insert(TypeParam{}(7), equal, 7), this->table_.kNone);
  EXPECT_EQ(this->table_.find_or_insert(TypeParam{}(7), equal, 107), 7U);
  EXPECT_EQ(this->table_.size(), 1U);
  EXPECT_FALSE(this->contains(107));
}

TYPED_TEST(IndexTableTest, KeepsSmallIndexesWhereLargeOnesTakeTheRoomOfTheTags) {
  for (std::uint32_t i = 1; i <= 20; ++i) this->table_.insert(i);
  for (std::uint32_t i = 64; i != 0; i <<= 1) this->table_.insert(i);
  this->table_.insert(0xffffffff);
  for (std::uint32_t i = 1; i <= 20; ++i) EXPECT_TRUE(this->contains(i)) << i;
  for (std::uint32_t i = 64; i != 0; i <<= 1) EXPECT_TRUE(this->contains(i)) << i;
  EXPECT_TRUE(this->contains(0xffffffff));
  EXPECT_FALSE(this->contains(0xfffffffe));
  for (std::uint32_t i = 64; i != 0; i <<= 1) this->table_.erase(i);
  for (std::uint32_t i = 1; i <= 20; ++i) EXPECT_TRUE(this->contains(i)) << i;
  EXPECT_FALSE(this->contains(64));
}

TYPED_TEST(IndexTableTest, ErasingKeepsWhatStandsBehindInTheSameRun) {
  for (std::uint32_t i = 1; i <= 40; ++i) this->table_.insert(i);
  for (std::uint32_t erased = 1; erased <= 40; ++erased) {
    this->table_.erase(erased);
    EXPECT_FALSE(this->contains(erased));
    for (std::uint32_t i = erased + 1; i <= 40; ++i) ASSERT_TRUE(this->contains(i)) << i;
  }
  EXPECT_EQ(this->table_.size(), 0U);
}

TYPED_TEST(IndexTableTest, ErasingWhatIsNotThereChangesNothing) {
  this->table_.insert(8);
  this->table_.erase(16);
  EXPECT_EQ(this->table_.size(), 1U);
  EXPECT_TRUE(this->contains(8));
}

TYPED_TEST(IndexTableTest, IsEmptyAfterClear) {
  for (std::uint32_t i = 1; i <= 500; ++i) this->table_.insert(i);
  this->table_.clear();
  EXPECT_EQ(this->table_.size(), 0U);
  EXPECT_FALSE(this->contains(500));
  this->table_.insert(500);
  EXPECT_TRUE(this->contains(500));
}

TYPED_TEST(IndexTableTest, HoldsWhatASetHoldsAfterManyRandomOperations) {
  std::mt19937 random(7);
  std::unordered_set<std::uint32_t> expected;
  constexpr std::uint32_t kIndexes = 300;
  for (int i = 0; i < 20'000; ++i) {
    const auto index = static_cast<std::uint32_t>(1 + random() % kIndexes);
    if (expected.insert(index).second) {
      this->table_.insert(index);
    } else {
      this->table_.erase(index);
      expected.erase(index);
    }
    ASSERT_EQ(this->table_.size(), expected.size());
    const auto probe = static_cast<std::uint32_t>(1 + random() % kIndexes);
    ASSERT_EQ(this->contains(probe), expected.contains(probe)) << "after operation " << i;
  }
  for (std::uint32_t index = 1; index <= kIndexes; ++index) {
    EXPECT_EQ(this->contains(index), expected.contains(index));
  }
}

TEST(IndexTable, GrowsWithoutLosingAnything) {
  IndexTable<GoodHash> table{GoodHash{}};
  constexpr std::uint32_t kMany = 100'000;
  for (std::uint32_t i = 1; i <= kMany; ++i) table.insert(i);
  EXPECT_EQ(table.size(), kMany);
  for (std::uint32_t i = 1; i <= kMany; ++i) {
    ASSERT_EQ(table.find(GoodHash{}(i), [&](std::uint32_t found) { return found == i; }), i);
  }
}

TEST(IndexTable, ShrinksWhenNearlyEmptyWithoutLosingAnything) {
  IndexTable<GoodHash> table{GoodHash{}};
  constexpr std::uint32_t kMany = 100'000;
  for (std::uint32_t i = 1; i <= kMany; ++i) table.insert(i);
  const std::size_t most = table.memory();
  table.shrink();
  EXPECT_EQ(table.memory(), most);
  for (std::uint32_t i = 1; i <= kMany; ++i) {
    if (i % 100 != 0) table.erase(i);
  }
  table.shrink();
  EXPECT_LT(table.memory() * 16, most);
  EXPECT_EQ(table.size(), kMany / 100);
  for (std::uint32_t i = 1; i <= kMany; ++i) {
    ASSERT_EQ(table.find(GoodHash{}(i), [&](std::uint32_t found) { return found == i; }),
              i % 100 == 0 ? i : 0);
  }
}

}  // namespace
}  // namespace lookout
