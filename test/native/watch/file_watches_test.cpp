// The table of the files with a watch of their own: see watch/reconcile/file_watches.h.
#include "watch/reconcile/file_watches.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace lookout {
namespace {

constexpr Identity kFile{1, 7};

DirEntry place(NodeId directory, int number) {
  return {directory, "file-" + std::to_string(number)};
}

TEST(FileWatches, AWatchIsInUseUntilItsLastPlaceIsRemoved) {
  FileWatches files;
  files.set(place(1, 1), {kFile, 5});
  files.set(place(2, 1), {kFile, 5});
  EXPECT_EQ(files.watches(), 1U);
  files.erase(place(1, 1));
  EXPECT_TRUE(files.in_use(5));
  files.erase(place(2, 1));
  EXPECT_FALSE(files.in_use(5));
  EXPECT_EQ(files.watches(), 0U);
  files.erase(place(2, 1));
  EXPECT_TRUE(files.empty());
}

TEST(FileWatches, APlaceThatGetsAnotherWatchLeavesItsFormerOne) {
  FileWatches files;
  files.set(place(1, 1), {kFile, 5});
  files.set(place(1, 1), {kFile, FileWatches::kPolled});
  EXPECT_FALSE(files.in_use(5));
  EXPECT_EQ(files.polled(), std::set<DirEntry>{place(1, 1)});
  EXPECT_EQ(files.watches(), 0U);
  files.set(place(1, 1), {kFile, FileWatches::kLeftOut});
  EXPECT_TRUE(files.polled().empty());
  EXPECT_EQ(files.watches(), 0U);
}

TEST(FileWatches, ADirectoryThatLeavesTheTreeTakesItsPlacesWithIt) {
  FileWatches files;
  files.set(place(1, 1), {kFile, 5});
  files.set(place(1, 2), {kFile, FileWatches::kPolled});
  files.set(place(2, 1), {kFile, 5});
  EXPECT_EQ(files.forget(1), std::vector<int>{5});
  EXPECT_EQ(files.with_watch(5), std::set<DirEntry>{place(2, 1)});
  EXPECT_TRUE(files.polled().empty());
  EXPECT_EQ(files.all(), std::vector<DirEntry>{place(2, 1)});
}

// With a search of all files for each of them, this takes minutes.
TEST(FileWatches, EachOfManyFilesIsRemovedWithoutASearchOfTheOthers) {
  constexpr int kMany = 100'000;
  FileWatches files;
  for (int i = 0; i < kMany; ++i) files.set(place(1, i), {kFile, i});
  for (int i = 0; i < kMany; ++i) {
    files.erase(place(1, i));
    ASSERT_FALSE(files.in_use(i));
  }
}

}  // namespace
}  // namespace lookout
