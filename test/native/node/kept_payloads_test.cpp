// What an owner of a named session gets again.
#include "node/kept_payloads.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace lookout {
namespace {

std::vector<std::string> after(const KeptPayloads& kept, std::uint64_t seq) {
  std::vector<std::string> payloads;
  kept.after(seq, [&](std::string_view payload) { payloads.emplace_back(payload); });
  return payloads;
}

TEST(KeptPayloads, WhatCameAfterTheLastBatchDealtWithIsSentAgainInOrder) {
  KeptPayloads kept;
  kept.add_notice("n0");
  kept.add_batch(1, "b1");
  kept.add_notice("n1");
  kept.add_batch(2, "b2");
  EXPECT_EQ(after(kept, 0), (std::vector<std::string>{"n0", "b1", "n1", "b2"}));
  EXPECT_EQ(after(kept, 1), (std::vector<std::string>{"n1", "b2"}));
  EXPECT_EQ(after(kept, 2), std::vector<std::string>{});
  EXPECT_TRUE(kept.has_all_after(0));
  EXPECT_TRUE(kept.has_all_after(2));
}

TEST(KeptPayloads, ABatchThatWasNeverSentIsNoPlaceToGoOnFrom) {
  KeptPayloads kept;
  EXPECT_TRUE(kept.has_all_after(0));
  EXPECT_FALSE(kept.has_all_after(1));
}

TEST(KeptPayloads, NoMoreThanTheLimitAreKeptAndWhatIsLostIsKnown) {
  KeptPayloads kept;
  for (std::uint64_t seq = 1; seq <= kMaxKeptPayloads + 2; ++seq) kept.add_batch(seq, "b");
  EXPECT_FALSE(kept.has_all_after(1));
  EXPECT_TRUE(kept.has_all_after(2));
  EXPECT_EQ(after(kept, 2).size(), kMaxKeptPayloads);
}

// P3: long paths take no unbounded memory.
TEST(KeptPayloads, OfLargePayloadsFewerAreKept) {
  const std::string large(kMaxKeptBytes / 4, 'b');
  KeptPayloads kept;
  for (std::uint64_t seq = 1; seq <= 10; ++seq) kept.add_batch(seq, large);
  EXPECT_FALSE(kept.has_all_after(4));
  EXPECT_TRUE(kept.has_all_after(5));
  EXPECT_EQ(after(kept, 5).size(), 5U);
  kept.add_batch(11, std::string(2 * kMaxKeptBytes, 'b'));
  EXPECT_TRUE(kept.has_all_after(10));
}

TEST(KeptPayloads, ALostNoticeCountsForAnOwnerThatMayHaveMissedIt) {
  KeptPayloads kept;
  kept.add_batch(1, "b");
  for (std::size_t i = 0; i <= kMaxKeptPayloads; ++i) kept.add_notice("n");
  EXPECT_FALSE(kept.has_all_after(1));
}

}  // namespace
}  // namespace lookout
