#include "watch/model/dirty_set.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace lookout {
namespace {

std::vector<std::pair<NodeId, std::string>> places(const std::vector<DirtyName>& entries) {
  std::vector<std::pair<NodeId, std::string>> found;
  for (const DirtyName& entry : entries) found.emplace_back(entry.directory, entry.name);
  return found;
}

using Places = std::vector<std::pair<NodeId, std::string>>;

TEST(DirtySet, MergesTheHintsOfAnEntryAndKeepsItsFirstPlaceInLine) {
  DirtySet set;
  set.add(1, "a", hint::kCreated);
  set.add(1, "b", hint::kDeleted);
  set.add(1, "a", hint::kWritten);
  EXPECT_EQ(set.size(), 2U);
  EXPECT_EQ(set.hints(1, "a"), hint::kCreated | hint::kWritten);
  const auto taken = set.take();
  EXPECT_EQ(places(taken), (Places{{1, "a"}, {1, "b"}}));
  EXPECT_EQ(taken[0].hints, hint::kCreated | hint::kWritten);
  EXPECT_EQ(taken[1].hints, hint::kDeleted);
}

TEST(DirtySet, WhatIsHintedHereAndPassedOnByAnotherLinkIsItsOwn) {
  DirtySet set;
  set.add(1, "a", hint::kWritten | hint::kPassedOn);
  set.add(1, "a", hint::kWritten | hint::kPassedOn);
  EXPECT_EQ(set.hints(1, "a"), hint::kWritten | hint::kPassedOn);
  set.add(1, "a", hint::kMovedTo);
  EXPECT_EQ(set.hints(1, "a"), hint::kWritten | hint::kMovedTo);
  set.add(1, "a", hint::kWritten | hint::kPassedOn);
  EXPECT_EQ(set.hints(1, "a"), hint::kWritten | hint::kMovedTo);
}

TEST(DirtySet, TellsTheSameNameInTwoDirectoriesApart) {
  DirtySet set;
  set.add(1, "a", hint::kCreated);
  set.add(2, "a", hint::kDeleted);
  EXPECT_EQ(set.hints(1, "a"), hint::kCreated);
  EXPECT_EQ(set.hints(2, "a"), hint::kDeleted);
}

TEST(DirtySet, HasNoHintsOfAnEntryThatIsNotDirty) {
  DirtySet set;
  set.add(1, "a", hint::kCreated);
  EXPECT_EQ(set.hints(1, "b"), 0U);
  EXPECT_EQ(set.hints(2, "a"), 0U);
}

TEST(DirtySet, HoldsAnEntryThatWasAddedWithoutHints) {
  DirtySet set;
  set.add(1, "a", 0);
  EXPECT_FALSE(set.empty());
  EXPECT_EQ(places(set.take()), (Places{{1, "a"}}));
}

TEST(DirtySet, IsEmptyAndUsableAgainAfterTake) {
  DirtySet set;
  for (int i = 0; i < 1000; ++i) set.add(1, std::to_string(i), hint::kCreated);
  EXPECT_EQ(set.take().size(), 1000U);
  EXPECT_TRUE(set.empty());
  EXPECT_EQ(set.hints(1, "7"), 0U);
  EXPECT_TRUE(set.take().empty());
  set.add(1, "7", hint::kDeleted);
  EXPECT_EQ(set.hints(1, "7"), hint::kDeleted);
}

TEST(DirtySet, TakesNamesOfAnyBytes) {
  const std::string odd("\n\xff\0x", 4);
  DirtySet set;
  set.add(1, odd, hint::kCreated);
  set.add(1, "\n\xff", hint::kDeleted);
  EXPECT_EQ(set.hints(1, odd), hint::kCreated);
  EXPECT_EQ(places(set.take()), (Places{{1, odd}, {1, "\n\xff"}}));
}

TEST(DirtySet, IsFullAtItsBound) {
  DirtySet set;
  for (std::size_t i = 0; i + 1 < DirtySet::kMaxNames; ++i) set.add(1, std::to_string(i), 0);
  EXPECT_FALSE(set.full());
  set.add(2, "last", 0);
  EXPECT_TRUE(set.full());
  EXPECT_EQ(set.take().size(), DirtySet::kMaxNames);
  EXPECT_FALSE(set.full());
}

}  // namespace
}  // namespace lookout
