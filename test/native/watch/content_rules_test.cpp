// Each rule of watch/model/content_rules.h, by the case that it is for.
#include "watch/model/content_rules.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>

namespace lookout {
namespace {

// Nanoseconds; not whole seconds, of which a time stamp might be the coarse form.
constexpr std::int64_t kTick = 10'000'000;
constexpr std::int64_t kCrawled = 100'000'000'001;
constexpr std::int64_t kHandled = 200'000'000'001;
constexpr std::int64_t kBefore = kHandled - 10 * kTick;
constexpr std::int64_t kAfter = kHandled + 10 * kTick;

FileStatus seen(std::uint64_t size, std::int64_t mtime) {
  FileStatus look{};
  look.type = EntryType::file;
  look.mode = 0100644;
  look.links = 1;
  look.size = size;
  look.mtime = mtime;
  look.ctime = mtime;
  look.birth = kBefore;
  return look;
}

// The file as it is seen in most rows, and others with a change each.
FileStatus same() {
  return seen(5, kBefore);
}
FileStatus resized() {
  return seen(6, kBefore);
}
FileStatus rewritten() {
  return seen(5, kAfter);
}

FileStatus born(FileStatus look, std::optional<std::int64_t> birth) {
  look.birth = birth;
  return look;
}

FileStatus linked(FileStatus look, std::uint32_t links) {
  look.links = links;
  return look;
}

FileStatus changed_at(FileStatus look, std::int64_t ctime) {
  look.ctime = ctime;
  return look;
}

KnownFile checked(std::optional<std::int64_t> without_events = std::nullopt) {
  return {same().signature(), kHandled, without_events, kCrawled};
}

KnownFile unchecked(std::optional<std::int64_t> without_events = std::nullopt) {
  return {0, kHandled, without_events, kCrawled};
}

struct Row {
  const char* name;
  KnownFile known;
  FileStatus look;
  Hints hints;
  bool written;
};

std::ostream& operator<<(std::ostream& out, const Row& row) {
  return out << row.name;
}

class ContentRulesTest : public ::testing::TestWithParam<Row> {};

TEST_P(ContentRulesTest, P1WhatWasWrittenIsReportedAndNothingElse) {
  const Row& row = GetParam();
  EXPECT_EQ(was_written(row.known, row.look, row.hints), row.written);
}

using namespace hint;  // NOLINT(google-build-using-namespace): the table is read by its words

const Row kRows[] = {
    {"WriteIsBelievedThoughNothingDiffers", checked(), same(), kWritten, true},
    {"NothingHappened", checked(), same(), 0, false},
    {"SizeDiffers", checked(), resized(), 0, true},
    {"SizeDiffersWithAChangeOfAttributes", checked(), resized(), kAttributes, true},
    {"TimeDiffers", checked(), rewritten(), 0, true},
    {"TimeDiffersByAChangeOfAttributes", checked(), rewritten(), kAttributes, false},
    {"NeverCheckedWithAChangeOfAttributes", unchecked(), same(), kAttributes, false},
    {"NeverCheckedWithAChangeOfAttributesAndAnotherName", unchecked(), linked(same(), 2),
     kAttributes, true},
    {"DeletedAndTheNumberOfItsInodeUsedAgain", checked(), born(same(), kAfter), kDeleted, true},
    {"MovedAwayAndTheNumberOfItsInodeUsedAgain", checked(), born(same(), kAfter), kMovedFrom, true},
    {"DeletedWhereBirthTimesAreNotKept", checked(), born(same(), std::nullopt), kDeleted, true},
    {"DeletedButItIsStillTheOldInode", checked(), same(), kDeleted, false},
    {"LinkedHereWithoutADifference", checked(), same(), kCreated, false},
    {"LinkedHereNeverChecked", unchecked(), same(), kCreated, true},
    {"LinkedHereInPlaceOfTheNameThatWasDeleted", checked(), same(), kCreated | kDeleted, true},
    {"CreatedNeverChecked", unchecked(), born(same(), kAfter), kCreated, false},
    {"ArrivedUnseenWithoutADifference", checked(), same(), kUnpaired, false},
    {"ArrivedUnseenWithADifference", checked(), rewritten(), kUnpaired, true},
    {"ArrivedUnseenWithADifferenceAndAChangeOfAttributes", checked(), rewritten(),
     kUnpaired | kAttributes, true},
    {"ArrivedUnseenWithAnEvent", checked(), same(), kUnpaired | kMovedTo, true},
    {"ArrivedUnseenAndEventsWereLost", checked(), changed_at(same(), kAfter), kUnpaired | kSuspect,
     true},
    {"EventsWereLostAndNothingDiffers", checked(), same(), kSuspect, false},
    {"EventsWereLostAndTheTimeDiffers", checked(), rewritten(), kSuspect, true},
    {"EventsWereLostAndItChangedSince", checked(), changed_at(same(), kAfter), kSuspect, true},
    {"EventsWereLostAndItChangedWithinTheTick", checked(), changed_at(same(), kHandled - kTick / 2),
     kSuspect, true},
    {"EventsWereLostNeverChecked", unchecked(), same(), kSuspect, false},
    {"EventsWereLostNeverCheckedAndItChangedSince", unchecked(), rewritten(), kSuspect, true},
    {"PolledAndItChangedWithinTheTickOfItsCheck", checked(kAfter), changed_at(same(), kAfter),
     kSuspect, true},
    {"PolledAndItChangedBeforeItsCheck", checked(kAfter), changed_at(same(), kAfter - kTick / 2),
     kSuspect, false},
    {"PolledNeverCheckedAndItChangedWithinTheTick", unchecked(kAfter),
     changed_at(same(), kAfter - kTick / 2), kSuspect, true},
    {"ClosedNeverCheckedAndOlderThanTheCrawl", unchecked(),
     changed_at(same(), kCrawled - kTick * 2), kClosed, false},
    {"ClosedNeverCheckedAndWrittenThroughAMapping", unchecked(), same(), kClosed, true},
    {"ClosedWithoutADifference", checked(), same(), kClosed, false},
    {"ClosedAndTheTimeDiffers", checked(), rewritten(), kClosed, true},
    {"NeverCheckedAndNotClosed", unchecked(), same(), kPassedOn, false},
};

INSTANTIATE_TEST_SUITE_P(Rows, ContentRulesTest, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(ContentRules, AnInodeThatWasBornBeforeTheTreeWasRightIsTheOldOne) {
  EXPECT_TRUE(was_born_before(checked(), born(same(), kBefore)));
  EXPECT_FALSE(was_born_before(checked(), born(same(), kAfter)));
  EXPECT_FALSE(was_born_before(checked(), born(same(), std::nullopt)));
  // Of a polled directory what has been so since its last listing.
  EXPECT_FALSE(was_born_before(checked(kBefore), born(same(), kBefore)));
  EXPECT_TRUE(was_born_before(checked(kAfter), born(same(), kBefore)));
}

TEST(ContentRules, WithoutABirthTimeTheSignatureTellsWhetherItIsTheSameFile) {
  EXPECT_TRUE(is_same_file(checked(), same()));
  EXPECT_FALSE(is_same_file(checked(), born(same(), kAfter)));
  EXPECT_TRUE(is_same_file(checked(), born(same(), std::nullopt)));
  EXPECT_FALSE(is_same_file(checked(), born(rewritten(), std::nullopt)));
}

}  // namespace
}  // namespace lookout
