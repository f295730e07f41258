// The judge itself is judged: each way in which a stream can break P2 must be seen.
#include "oracle/mirror.h"

#include <gtest/gtest.h>

namespace lookout::oracle {
namespace {

constexpr auto kFile = EntryType::file;
constexpr auto kDirectory = EntryType::directory;

Event created(EntryType type, std::string path) {
  return {Change::created, type, path, ""};
}
Event deleted(EntryType type, std::string path) {
  return {Change::deleted, type, path, ""};
}
Event modified(EntryType type, std::string path) {
  return {Change::modified, type, path, ""};
}
Event renamed(EntryType type, std::string from, std::string path) {
  return {Change::renamed, type, path, from};
}

class P2Replayable : public testing::Test {
 protected:
  P2Replayable() : mirror({"/w", "/v"}) {
    for (const Event& event : {created(kDirectory, "/w/d"), created(kFile, "/w/d/f"),
                               created(kDirectory, "/w/d/e"), created(kFile, "/w/g")})
      EXPECT_EQ(mirror.apply(event), std::nullopt);
  }
  bool takes(const Event& event) { return !mirror.apply(event); }

  Mirror mirror;
};

TEST_F(P2Replayable, CreatedWhereItExistsIsSeen) {
  EXPECT_FALSE(takes(created(kFile, "/w/g")));
  EXPECT_FALSE(takes(created(kDirectory, "/w/g")));
}

TEST_F(P2Replayable, CreatedWithoutItsParentIsSeen) {
  EXPECT_FALSE(takes(created(kFile, "/w/none/f")));
  EXPECT_FALSE(takes(created(kFile, "/w/g/f")));  // the parent is a file
}

TEST_F(P2Replayable, WhatIsOutsideOfTheRootsIsSeen) {
  EXPECT_FALSE(takes(created(kFile, "/elsewhere")));
  EXPECT_FALSE(takes(created(kFile, "/wide/f")));
  EXPECT_FALSE(takes(created(kDirectory, "/w")));
  EXPECT_FALSE(takes(deleted(kDirectory, "/w")));
  EXPECT_FALSE(takes(renamed(kFile, "/w/g", "/elsewhere")));
}

TEST_F(P2Replayable, MalformedPathsAreSeen) {
  EXPECT_FALSE(takes(created(kFile, "/w/")));
  EXPECT_FALSE(takes(created(kFile, "/w//h")));
  EXPECT_FALSE(takes(created(kFile, "/w/d/")));
  EXPECT_FALSE(takes(created(kFile, "/w/d/..")));
}

TEST_F(P2Replayable, DeletedWhatIsNotThereIsSeen) {
  EXPECT_FALSE(takes(deleted(kFile, "/w/none")));
  EXPECT_TRUE(takes(deleted(kFile, "/w/g")));
  EXPECT_FALSE(takes(deleted(kFile, "/w/g")));
}

TEST_F(P2Replayable, DeletedWithChildrenLeftIsSeen) {
  EXPECT_FALSE(takes(deleted(kDirectory, "/w/d")));
  EXPECT_TRUE(takes(deleted(kFile, "/w/d/f")));
  EXPECT_TRUE(takes(deleted(kDirectory, "/w/d/e")));
  EXPECT_TRUE(takes(deleted(kDirectory, "/w/d")));
}

TEST_F(P2Replayable, AWrongTypeIsSeen) {
  EXPECT_FALSE(takes(deleted(kDirectory, "/w/g")));
  EXPECT_FALSE(takes(modified(kDirectory, "/w/g")));
  EXPECT_FALSE(takes(renamed(kDirectory, "/w/g", "/w/h")));
}

TEST_F(P2Replayable, ModifiedWhatIsNotThereIsSeen) {
  EXPECT_TRUE(takes(modified(kFile, "/w/g")));
  EXPECT_FALSE(takes(modified(kFile, "/w/h")));
}

TEST_F(P2Replayable, ARenameMovesTheWholeSubtree) {
  EXPECT_TRUE(takes(renamed(kDirectory, "/w/d", "/v/k")));
  EXPECT_FALSE(takes(modified(kFile, "/w/d/f")));
  EXPECT_TRUE(takes(modified(kFile, "/v/k/f")));
  EXPECT_EQ(mirror.size(), 4u);
}

TEST_F(P2Replayable, ARenameFromNowhereOrIntoNowhereIsSeen) {
  EXPECT_FALSE(takes(renamed(kFile, "/w/none", "/w/h")));
  EXPECT_FALSE(takes(renamed(kFile, "/w/g", "/w/none/h")));
  EXPECT_FALSE(takes(renamed(kFile, "/w/g", "/w/g")));
}

TEST_F(P2Replayable, ARenameBelowItselfIsSeen) {
  EXPECT_FALSE(takes(renamed(kDirectory, "/w/d", "/w/d/e/d")));
  EXPECT_FALSE(takes(renamed(kDirectory, "/w/d", "/w/d/x")));
}

TEST_F(P2Replayable, ARenameReplacesAFileButNoDirectory) {
  EXPECT_TRUE(takes(renamed(kFile, "/w/d/f", "/w/g")));
  EXPECT_EQ(mirror.size(), 3u);
  EXPECT_FALSE(takes(renamed(kFile, "/w/g", "/w/d/e")));
  EXPECT_FALSE(takes(renamed(kDirectory, "/w/d/e", "/w/g")));
}

TEST_F(P2Replayable, TwoMirrorsThatDifferAreSeen) {
  Mirror other({"/w", "/v"});
  EXPECT_NE(difference(mirror, other), std::nullopt);
  EXPECT_NE(difference(other, mirror), std::nullopt);
  EXPECT_EQ(difference(mirror, mirror), std::nullopt);
}

TEST_F(P2Replayable, AListingThatRepeatsOrLacksAParentIsSeen) {
  EXPECT_NE(mirror.insert({kFile, "/w/g", 1, {}}), std::nullopt);
  EXPECT_NE(mirror.insert({kFile, "/w/none/g", 1, {}}), std::nullopt);
}

TEST_F(P2Replayable, ARootThatIsLeftMustBeEmpty) {
  EXPECT_NE(mirror.drop_root("/w"), std::nullopt);
  EXPECT_EQ(mirror.drop_root("/v"), std::nullopt);
}

}  // namespace
}  // namespace lookout::oracle
