#include "watch/disk/read_ahead.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <deque>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "support/unique_fd.h"
#include "watch/counted_calls.h"
#include "watch/temp_directory.h"

namespace lookout {
namespace {

// More than are begun at a time, so that the thread has some and the others are left to who uses
// them.
constexpr std::size_t kMany = 100;

std::set<std::string> names(DirectoryReader& reader) {
  std::set<std::string> found;
  DirectoryReader::Item item;
  while (reader.next(item)) EXPECT_TRUE(found.insert(item.name).second) << item.name;
  return found;
}

class ReadAheadTest : public testing::Test {
 protected:
  // A directory with so many files, their names, and a listing of it.
  std::set<std::string> make(const std::string& directory, std::size_t files) {
    std::set<std::string> made;
    home_.directory(directory);
    for (std::size_t i = 0; i < files; ++i) {
      const std::string name = "a_name_of_some_length_" + std::to_string(i);
      home_.write(directory + '/' + name);
      made.insert(name);
    }
    return made;
  }

  PendingListing listed(const std::string& directory) const {
    auto fd = std::make_shared<UniqueFd>(
        ::open(home_.at(directory).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const int number = fd->get();
    return PendingListing(DirectoryReader(number, std::move(fd)));
  }

  TempDirectory home_;
  ReadAhead read_ahead_;
};

TEST_F(ReadAheadTest, TellsWhatIsThereWhoeverReadsIt) {
  std::vector<std::set<std::string>> made;
  std::vector<PendingListing> listings;
  for (std::size_t i = 0; i < kMany; ++i) {
    const std::string name = "d" + std::to_string(i);
    // Of some there is more than one read brings.
    made.push_back(make(name, i % 10 == 0 ? 2000 : i));
    listings.push_back(listed(name));
  }
  for (const PendingListing& listing : listings) read_ahead_.read(listing);
  for (std::size_t i = 0; i < kMany; ++i) {
    EXPECT_EQ(names(listings[i].reader()), made[i]) << i;
    EXPECT_EQ(listings[i].reader().error(), 0);
  }
}

TEST_F(ReadAheadTest, AFileThatItStatsIsTheOneOfThatNameAndNoneIsStatedThatMayHang) {
  const std::string unsafe = "a_name_of_some_length_3";
  const auto names = std::make_shared<const DirectoryReader::Names>(DirectoryReader::Names{unsafe});
  home_.directory("d/directory");
  make("d", 2000);
  std::vector<PendingListing> listings;
  for (std::size_t i = 0; i < kMany; ++i) listings.push_back(listed("d"));
  for (const PendingListing& listing : listings) read_ahead_.read(listing, names);
  std::size_t found = 0;
  for (PendingListing& listing : listings) {
    DirectoryReader::Item item;
    while (listing.reader().next(item)) {
      if (item.status == nullptr) continue;
      ++found;
      EXPECT_EQ(item.status->identity.inode, item.inode);
      EXPECT_EQ(item.status->type, EntryType::file);
      EXPECT_NE(item.name, unsafe);
    }
  }
  // How many depends on who is faster, but the thread has had some for itself.
  if (std::thread::hardware_concurrency() > 1) {
    EXPECT_GT(found, 0U);
  }
}

TEST_F(ReadAheadTest, AListingThatNoThreadReadsIsReadWhenItIsUsed) {
  const auto made = make("d", 3);
  PendingListing alone = listed("d");
  EXPECT_EQ(names(alone.reader()), made);
  PendingListing single = listed("d");  // too few to wake the thread for
  read_ahead_.read(single);
  EXPECT_EQ(names(single.reader()), made);
}

TEST_F(ReadAheadTest, RestsAndIsUsedAgain) {
  const auto made = make("d", 3);
  for (int round = 0; round < 3; ++round) {
    std::vector<PendingListing> listings;
    for (std::size_t i = 0; i < kMany; ++i) listings.push_back(listed("d"));
    for (const PendingListing& listing : listings) read_ahead_.read(listing);
    read_ahead_.rest();
    read_ahead_.rest();
    for (PendingListing& listing : listings) EXPECT_EQ(names(listing.reader()), made);
  }
}

// Whether a thread of this process sleeps in a system call.
bool sleeps(pid_t thread) {
  std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/stat");
  std::string stat;
  std::getline(file, stat);
  return stat.find(") S ") != std::string::npos;
}

TEST_F(ReadAheadTest, P5TheEndOfTheThreadWaitsForOneStatAtMost) {
  if (std::thread::hardware_concurrency() == 1) GTEST_SKIP() << "there is no thread";
  make("d", 200);
  std::vector<PendingListing> listings;
  for (std::size_t i = 0; i < kMany; ++i) listings.push_back(listed("d"));
  const auto none = std::make_shared<const DirectoryReader::Names>();
  const std::uint64_t before = stat_calls();
  hold_stats();
  for (const PendingListing& listing : listings) read_ahead_.read(listing, none);
  while (held_stats() == 0) std::this_thread::yield();
  std::atomic<bool> rests{false};
  std::thread releases([&rests, thread = ::gettid()] {
    while (!rests || !sleeps(thread)) std::this_thread::yield();
    release_stats();
  });
  rests = true;
  read_ahead_.rest();
  EXPECT_EQ(stat_calls() - before, 1U);
  releases.join();
  EXPECT_EQ(names(listings.front().reader()).size(), 200U);
}

TEST_F(ReadAheadTest, WhatIsNoLongerWantedIsNotWaitedFor) {
  make("d", 3);
  for (std::size_t i = 0; i < kMany; ++i) read_ahead_.read(listed("d"));
  PendingListing last = listed("d");
  read_ahead_.read(last);
  EXPECT_EQ(names(last.reader()).size(), 3U);
}

// Also where the thread does not get to run for a while: it is to share one processor with the
// test.
TEST_F(ReadAheadTest, AListingThatWasUsedKeepsNothingOpen) {
  const auto made = make("d", 3);
  cpu_set_t before;
  ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
  cpu_set_t here;
  CPU_ZERO(&here);
  CPU_SET(static_cast<std::size_t>(::sched_getcpu()), &here);
  ASSERT_EQ(::sched_setaffinity(0, sizeof here, &here), 0);
  std::deque<PendingListing> begun;
  std::size_t most = 0;
  for (int i = 0; i < 2000; ++i) {
    begun.push_back(listed("d"));
    read_ahead_.read(begun.back());
    // The lowest number that is free: below it all are in use.
    const UniqueFd next(::open("/", O_PATH | O_CLOEXEC));
    most = std::max(most, static_cast<std::size_t>(next.get()));
    if (begun.size() < ReadAhead::kDepth) continue;
    EXPECT_EQ(names(begun.front().reader()), made);
    begun.pop_front();
  }
  EXPECT_LT(most, 3 * ReadAhead::kDepth);
  EXPECT_EQ(::sched_setaffinity(0, sizeof before, &before), 0);
}

TEST_F(ReadAheadTest, TellsWhatCutsAListingShort) {
  home_.write("file");
  std::vector<PendingListing> listings;
  for (std::size_t i = 0; i < kMany; ++i) {
    auto fd = std::make_shared<UniqueFd>(::open(home_.at("file").c_str(), O_RDONLY | O_CLOEXEC));
    const int number = fd->get();
    listings.emplace_back(DirectoryReader(number, std::move(fd)));
    read_ahead_.read(listings.back());
  }
  for (PendingListing& listing : listings) {
    EXPECT_TRUE(names(listing.reader()).empty());
    EXPECT_EQ(listing.reader().error(), ENOTDIR);
  }
}

TEST_F(ReadAheadTest, KeepsNothingOpenThatIsGivenUp) {
  make("d", 3);
  std::vector<std::weak_ptr<const void>> given;
  for (std::size_t i = 0; i < kMany; ++i) {
    read_ahead_.read(listed("d"));
    auto directory = std::make_shared<const int>(0);
    given.push_back(directory);
    read_ahead_.close(std::move(directory));
  }
  read_ahead_.rest();
  for (const auto& directory : given) EXPECT_TRUE(directory.expired());
  auto directory = std::make_shared<const int>(0);
  given.push_back(directory);
  read_ahead_.close(std::move(directory));  // at once, since there is no thread
  EXPECT_TRUE(given.back().expired());
}

}  // namespace
}  // namespace lookout
