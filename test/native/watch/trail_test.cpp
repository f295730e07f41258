#include "watch/model/trail.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

namespace lookout {
namespace {

constexpr auto kHinted = Trail::Known::by_hints;

DirEntry at(NodeId directory, const std::string& name) {
  return {directory, name};
}

std::vector<DirEntry> sorted(std::vector<DirEntry> places) {
  std::sort(places.begin(), places.end());
  return places;
}

TEST(Trail, PairsTheHalvesOfARenameByTheirCookie) {
  Trail trail;
  trail.add_moved_from(7, at(1, "a"));
  trail.add_moved_from(8, at(2, "b"));
  EXPECT_EQ(trail.moved_from(7), at(1, "a"));
  EXPECT_EQ(trail.moved_from(8), at(2, "b"));
  EXPECT_EQ(trail.moved_from(9), std::nullopt);
}

TEST(Trail, IgnoresTheCookieZero) {
  Trail trail;
  EXPECT_EQ(trail.moved_from(0), std::nullopt);
}

TEST(Trail, PairsFirstHalvesThatManyOthersFollowed) {
  Trail trail;
  for (std::uint32_t cookie = 1; cookie <= 64; ++cookie) {
    trail.add_moved_from(cookie, at(1, std::to_string(cookie)));
  }
  EXPECT_EQ(trail.moved_from(1), at(1, "1"));
  trail.add_moved_from(65, at(1, "65"));
  EXPECT_EQ(trail.moved_from(1), std::nullopt);
  EXPECT_EQ(trail.moved_from(2), at(1, "2"));
  EXPECT_EQ(trail.moved_from(65), at(1, "65"));
}

TEST(Trail, LeadsNowhereWithoutAMove) {
  Trail trail;
  EXPECT_TRUE(trail.onward(at(1, "a"), 0).empty());
  trail.add_move(at(1, "b"), at(1, "c"), kHinted, 1);
  EXPECT_TRUE(trail.onward(at(1, "a"), 0).empty());
  EXPECT_TRUE(trail.onward(at(1, "c"), 0).empty());
}

TEST(Trail, LeadsAlongAChainOfRenames) {
  Trail trail;
  trail.add_move(at(1, "a"), at(1, "b"), kHinted, 1);
  trail.add_move(at(1, "b"), at(2, "c"), kHinted, 1);
  trail.add_move(at(2, "c"), at(3, "d"), kHinted, 2);
  EXPECT_EQ(trail.onward(at(1, "a"), 0),
            (std::vector<DirEntry>{at(1, "b"), at(2, "c"), at(3, "d")}));
  EXPECT_EQ(trail.onward(at(2, "c"), 0), (std::vector<DirEntry>{at(3, "d")}));
}

TEST(Trail, LeadsFromAnEntryToItsLaterNames) {
  Trail trail;
  trail.add_move(at(1, "a"), at(1, "b"), kHinted, 1);
  trail.add_move(at(1, "b"), at(2, "c"), kHinted, 1);
  EXPECT_TRUE(trail.leads(at(1, "a"), at(2, "c")));
  EXPECT_FALSE(trail.leads(at(2, "c"), at(1, "a")));
  EXPECT_FALSE(trail.leads(at(1, "a"), at(2, "d")));
}

TEST(Trail, LeadsToTheTargetsOfAllMovesFromOneEntry) {
  Trail trail;
  trail.add_move(at(1, "a"), at(1, "b"), kHinted, 1);
  trail.add_move(at(1, "a"), at(1, "c"), kHinted, 1);
  EXPECT_EQ(sorted(trail.onward(at(1, "a"), 0)), (std::vector<DirEntry>{at(1, "b"), at(1, "c")}));
}

TEST(Trail, EndsInALoop) {
  Trail trail;
  trail.add_move(at(1, "a"), at(1, "b"), kHinted, 1);
  trail.add_move(at(1, "b"), at(1, "a"), kHinted, 1);
  EXPECT_EQ(trail.onward(at(1, "a"), 0), (std::vector<DirEntry>{at(1, "b")}));
  EXPECT_EQ(trail.onward(at(1, "b"), 0), (std::vector<DirEntry>{at(1, "a")}));
}

// Issue: N files that were renamed through one name cost N * N * N comparisons.
TEST(Trail, P5FollowsEachOfManyFilesThatWereRenamedThroughOneName) {
  Trail trail;
  const int count = 10'000;
  for (int i = 0; i < count; ++i) {
    trail.add_move(at(1, "f" + std::to_string(i)), at(1, "n"), kHinted, 1);
    trail.add_move(at(1, "n"), at(1, "g" + std::to_string(i)), kHinted, 1);
  }
  for (const int i : {0, 1, count / 2, count - 1}) {
    const std::string number = std::to_string(i);
    EXPECT_TRUE(trail.leads(at(1, "f" + number), at(1, "g" + number)));
    EXPECT_FALSE(i > 0 && trail.leads(at(1, "f" + number), at(1, "g0")));
    EXPECT_LE(trail.onward(at(1, "f" + number), 0).size(), Trail::kMaxVisits);
  }
}

TEST(Trail, P5ManyRenamesThereAndBackAreOneMoveEach) {
  Trail trail;
  for (std::size_t i = 0; i < 2 * Trail::kMaxRecords; ++i) {
    trail.add_move(at(1, "a"), at(1, "b"), kHinted, 1);
    trail.add_move(at(1, "b"), at(1, "a"), kHinted, 1);
  }
  EXPECT_FALSE(trail.full());
  trail.add_move(at(1, "b"), at(1, "c"), kHinted, 1);
  EXPECT_TRUE(trail.leads(at(1, "a"), at(1, "c")));
}

TEST(Trail, FollowsAFileAfterItWasExchangedWithAnother) {
  Trail trail;
  trail.add_move(at(1, "a"), at(1, "b"), kHinted, 1);
  trail.add_move(at(1, "b"), at(1, "a"), kHinted, 1);
  trail.add_move(at(1, "b"), at(1, "c"), kHinted, 1);
  EXPECT_TRUE(trail.leads(at(1, "a"), at(1, "c")));
  EXPECT_TRUE(trail.leads(at(1, "b"), at(1, "a")));
}

TEST(Trail, TakesAMoveThatACheckFoundAtAnyTime) {
  Trail trail;
  trail.add_move(at(1, "b"), at(1, "c"), kHinted, 1);
  trail.add_move(at(1, "a"), at(1, "b"), Trail::Known::by_check, 1);
  EXPECT_TRUE(trail.leads(at(1, "a"), at(1, "c")));
  trail.add_move(at(1, "c"), at(1, "d"), Trail::Known::by_check, 1);
  EXPECT_TRUE(trail.leads(at(1, "a"), at(1, "d")));
}

TEST(Trail, IgnoresAMoveToTheSameName) {
  Trail trail;
  trail.add_move(at(1, "a"), at(1, "a"), kHinted, 1);
  EXPECT_TRUE(trail.take_all().empty());
}

TEST(Trail, BoundsTheNumberOfEntriesThatItLeadsTo) {
  Trail trail;
  for (int i = 0; i < 10'000; ++i) {
    trail.add_move(at(1, std::to_string(i)), at(1, std::to_string(i + 1)), kHinted, 1);
  }
  const auto places = trail.onward(at(1, "0"), 0);
  EXPECT_FALSE(places.empty());
  EXPECT_LT(places.size(), 1000U);
}

TEST(Trail, KnowsWhetherHintsReportedAllMovesToAnEntry) {
  Trail trail;
  EXPECT_EQ(trail.all_hinted(at(1, "a")), std::nullopt);
  trail.add_arrival(at(1, "a"), true, 1);
  EXPECT_EQ(trail.all_hinted(at(1, "a")), true);
  EXPECT_EQ(trail.all_hinted(at(2, "a")), std::nullopt);
  trail.add_arrival(at(1, "a"), false, 1);
  trail.add_arrival(at(1, "a"), true, 1);
  EXPECT_EQ(trail.all_hinted(at(1, "a")), false);
}

TEST(Trail, MergesTheOrphanedHintsOfAnEntry) {
  Trail trail;
  EXPECT_EQ(trail.orphaned_at(at(1, "a")), 0U);
  trail.add_orphaned(at(1, "a"), hint::kWritten, 1);
  trail.add_orphaned(at(1, "a"), hint::kAttributes, 2);
  EXPECT_EQ(trail.orphaned_at(at(1, "a")), hint::kWritten | hint::kAttributes);
}

TEST(Trail, RemovesRecordsThatAreOlderThanTwoRounds) {
  Trail trail;
  trail.add_move(at(1, "a"), at(1, "b"), kHinted, 1);
  trail.add_move(at(1, "b"), at(1, "c"), kHinted, 2);
  trail.add_arrival(at(1, "b"), true, 1);
  trail.add_orphaned(at(1, "a"), hint::kWritten, 1);
  trail.prune(3);
  EXPECT_EQ(trail.onward(at(1, "a"), 0).size(), 2U);
  EXPECT_EQ(trail.all_hinted(at(1, "b")), true);
  EXPECT_EQ(trail.orphaned_at(at(1, "a")), hint::kWritten);
  trail.prune(4);
  EXPECT_TRUE(trail.onward(at(1, "a"), 0).empty());
  EXPECT_EQ(trail.onward(at(1, "b"), 0), (std::vector<DirEntry>{at(1, "c")}));
  EXPECT_EQ(trail.all_hinted(at(1, "b")), std::nullopt);
  EXPECT_EQ(trail.orphaned_at(at(1, "a")), 0U);
}

TEST(Trail, ReturnsAllTargetsOfMovesWhenItIsCleared) {
  Trail trail;
  trail.add_move(at(1, "a"), at(1, "b"), kHinted, 1);
  trail.add_move(at(1, "a"), at(2, "c"), kHinted, 1);
  trail.add_arrival(at(1, "b"), true, 1);
  const auto places = trail.take_all();
  EXPECT_EQ(std::set<DirEntry>(places.begin(), places.end()),
            (std::set<DirEntry>{at(1, "b"), at(2, "c")}));
  EXPECT_TRUE(trail.onward(at(1, "a"), 0).empty());
  EXPECT_EQ(trail.all_hinted(at(1, "b")), std::nullopt);
  EXPECT_TRUE(trail.take_all().empty());
}

TEST(Trail, IsFullAtItsBound) {
  Trail trail;
  for (std::size_t i = 0; i < Trail::kMaxRecords; ++i) {
    EXPECT_FALSE(trail.full());
    trail.add_move(at(1, std::to_string(i)), at(2, std::to_string(i)), kHinted, 1);
  }
  EXPECT_TRUE(trail.full());
  EXPECT_EQ(trail.take_all().size(), Trail::kMaxRecords);
  EXPECT_FALSE(trail.full());
}

TEST(Trail, LeadsOnlyAlongMovesThatWereHintedSince) {
  Trail trail;
  trail.add_move(at(1, "a"), at(1, "b"), kHinted, 3);
  EXPECT_TRUE(trail.onward(at(1, "a"), trail.moves()).empty());
  EXPECT_EQ(trail.onward(at(1, "a"), trail.moves() - 1), (std::vector<DirEntry>{at(1, "b")}));
}

TEST(Trail, LeadsAlwaysAlongMovesThatACheckFound) {
  Trail trail;
  trail.add_move(at(1, "a"), at(1, "b"), Trail::Known::by_check, 3);
  EXPECT_EQ(trail.onward(at(1, "a"), 9), (std::vector<DirEntry>{at(1, "b")}));
}

}  // namespace
}  // namespace lookout
