#include "watch/disk/disk.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "watch/disk/file_system.h"
#include "watch/disk/remote_calls.h"
#include "watch/temp_directory.h"

namespace lookout {
namespace {

class DiskTest : public testing::Test {
 protected:
  FileStatus look(const std::string& name) const {
    const auto checked = stat_entry(fd_.get(), name);
    const FileStatus* seen = std::get_if<FileStatus>(&checked);
    EXPECT_NE(seen, nullptr) << name;
    return seen == nullptr ? FileStatus{} : *seen;
  }

  void set_times(const std::string& name, std::int64_t seconds) const {
    const timespec times[2]{{seconds, 0}, {seconds, 0}};
    ASSERT_EQ(::utimensat(fd_.get(), name.c_str(), times, AT_SYMLINK_NOFOLLOW), 0);
  }

  DirectoryFd opened(const std::string& name = ".") const {
    return std::make_shared<const OpenDirectory>(
        UniqueFd(::openat(fd_.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)), 0755);
  }
  static DirectoryReader listing_of(const DirectoryFd& directory, bool live) {
    std::int64_t started = 0;
    return read_directory(directory, live, started);
  }

  TempDirectory home_;
  UniqueFd fd_{::open(home_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
};

TEST_F(DiskTest, SeesEveryTypeAndFollowsNoLink) {
  home_.write("file", "12345");
  home_.directory("directory");
  home_.symlink("directory", "symlink");
  ASSERT_EQ(::mkfifo(home_.at("pipe").c_str(), 0644), 0);
  EXPECT_EQ(look("file").type, EntryType::file);
  EXPECT_EQ(look("directory").type, EntryType::directory);
  EXPECT_EQ(look("symlink").type, EntryType::symlink);
  EXPECT_EQ(look("pipe").type, EntryType::other);
}

TEST_F(DiskTest, SeesWhatStatSees) {
  home_.write("a", "12345");
  home_.link("a", "b");
  home_.set_mode("a", 0640);
  set_times("a", 1'700'000'000);
  struct stat expected {};
  ASSERT_EQ(::stat(home_.at("a").c_str(), &expected), 0);
  const FileStatus seen = look("a");
  EXPECT_EQ(seen.identity, (Identity{expected.st_dev, expected.st_ino}));
  EXPECT_EQ(seen.mode, expected.st_mode);
  EXPECT_EQ(seen.size, 5U);
  EXPECT_EQ(seen.links, 2U);
  EXPECT_EQ(seen.mtime, 1'700'000'000'000'000'000);
  EXPECT_EQ(seen.ctime, expected.st_ctim.tv_sec * 1'000'000'000 + expected.st_ctim.tv_nsec);
}

TEST_F(DiskTest, GivesTheErrnoOfWhatCannotBeSeen) {
  EXPECT_EQ(std::get<int>(stat_entry(fd_.get(), "missing")), ENOENT);
  EXPECT_EQ(std::get<int>(stat_entry(fd_.get(), std::string(256, 'n'))), ENAMETOOLONG);
  EXPECT_EQ(std::get<int>(stat_entry(-1, "a")), EBADF);
}

TEST_F(DiskTest, TimesBeyondTheLimitsAreReportedAsTheLimitAndStillDiffer) {
  using Limits = std::numeric_limits<std::int64_t>;
  home_.write("a");
  constexpr std::int64_t kYear2262 = 9'223'372'036;  // its last second with such a number
  set_times("a", kYear2262 - 1);
  EXPECT_EQ(look("a").mtime, (kYear2262 - 1) * 1'000'000'000);
  struct stat kept {};
  for (const bool late : {true, false}) {
    const std::int64_t seconds = late ? 2 * kYear2262 : -2 * kYear2262;
    set_times("a", seconds);
    ASSERT_EQ(::stat(home_.at("a").c_str(), &kept), 0);
    if (kept.st_mtim.tv_sec != seconds) continue;  // the file system keeps no such time
    const FileStatus before = look("a");
    EXPECT_EQ(before.mtime, late ? Limits::max() : Limits::min());
    set_times("a", seconds + 1);
    EXPECT_EQ(look("a").mtime, before.mtime);
    EXPECT_NE(look("a").signature(), before.signature());
  }
}

TEST_F(DiskTest, TheSignatureDiffersBySizeTimeAndMode) {
  home_.write("a", "12345");
  const std::uint32_t before = look("a").signature();
  EXPECT_NE(before, 0U);
  EXPECT_EQ(look("a").signature(), before);
  home_.set_mode("a", 0600);
  const std::uint32_t other_mode = look("a").signature();
  EXPECT_NE(other_mode, before);
  EXPECT_FALSE(FileStatus::size_differs(before, other_mode));
  set_times("a", 1'600'000'000);
  const std::uint32_t other_time = look("a").signature();
  EXPECT_NE(other_time, other_mode);
  EXPECT_FALSE(FileStatus::size_differs(other_mode, other_time));
  home_.append("a", "6");
  set_times("a", 1'600'000'000);
  EXPECT_TRUE(FileStatus::size_differs(other_time, look("a").signature()));
}

TEST_F(DiskTest, TheInodeClockIsNotAheadOfWhatTheKernelStampsNext) {
  // The kernel may stamp ahead of it (multigrain timestamps, Linux 6.13), never behind.
  for (int i = 0; i < 100; ++i) {
    const std::int64_t before = inode_clock();
    home_.write("a", "x");
    ASSERT_GE(look("a").ctime, before);
  }
}

TEST_F(DiskTest, AStampOfWholeSecondsMayBeASecondOldAnyOtherNotMoreThanATick) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  EXPECT_EQ(grain(1'795'000'000 * kSecond), kSecond);
  EXPECT_EQ(grain(1'795'000'000 * kSecond + 1), kSecond / 100);
}

TEST_F(DiskTest, ListsEveryEntryOnceWithItsTypeAndInode) {
  // More than one block of the kernel's.
  constexpr int kFiles = 3000;
  std::map<std::string, std::uint64_t> expected;
  for (int i = 0; i < kFiles; ++i) {
    const std::string name =
        std::string(static_cast<std::size_t>(i % 200), 'n') + std::to_string(i);
    home_.write(name);
    expected[name] = home_.inode(name);
  }
  for (const std::string& odd :
       {std::string("a\nb"), std::string("\xff\xfe"), std::string(255, 'z')}) {
    home_.write(odd);
    expected[odd] = home_.inode(odd);
  }
  DirectoryReader reader(fd_.get());
  DirectoryReader::Item item;
  std::map<std::string, std::uint64_t> listed;
  while (reader.next(item)) {
    EXPECT_TRUE(listed.emplace(item.name, item.inode).second) << item.name;
    EXPECT_EQ(item.type, EntryType::file);
  }
  EXPECT_EQ(reader.error(), 0);
  EXPECT_EQ(listed, expected);
  EXPECT_FALSE(reader.next(item));
}

TEST_F(DiskTest, TwoReadersOfOneDescriptorDoNotDisturbEachOther) {
  for (int i = 0; i < 50; ++i) home_.write(std::to_string(i));
  for (const bool live : {false, true}) {
    const DirectoryFd directory = opened();
    DirectoryReader first = listing_of(directory, live);
    DirectoryReader::Item item;
    EXPECT_TRUE(first.next(item));
    DirectoryReader second = listing_of(directory, live);
    int count = 0;
    while (second.next(item)) ++count;
    EXPECT_EQ(count, 50);
    while (first.next(item)) ++count;
    EXPECT_EQ(count, 99);
  }
}

TEST_F(DiskTest, WhatIsMadeBetweenOpeningAndReadingIsListed) {
  // On the disk as in memory, whichever the test's own directory is in.
  std::string memory = "/dev/shm/lookout-XXXXXX";
  std::vector<std::string> places{home_.path()};
  if (::mkdtemp(memory.data()) != nullptr) places.push_back(memory);
  for (const std::string& place : places) {
    FileSystems systems;
    const auto directory = std::make_shared<const OpenDirectory>(
        UniqueFd(::open(place.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)), 0755);
    ASSERT_EQ(::mkdir((place + "/late").c_str(), 0755), 0);
    // The first reader may use the descriptor, where the file system is known to allow it.
    DirectoryReader reader = listing_of(directory, systems.of(directory->get(), 0).live);
    DirectoryReader::Item item;
    EXPECT_TRUE(reader.next(item)) << place;
    EXPECT_EQ(item.name, "late");
    ::rmdir((place + "/late").c_str());
  }
  ::rmdir(memory.c_str());
}

TEST_F(DiskTest, AnEmptyDirectoryHasNoEntries) {
  DirectoryReader reader(fd_.get());
  DirectoryReader::Item item;
  EXPECT_FALSE(reader.next(item));
  EXPECT_EQ(reader.error(), 0);
}

TEST_F(DiskTest, AReaderSaysWhyItCannotRead) {
  DirectoryReader closed(-1);
  DirectoryReader::Item item;
  EXPECT_FALSE(closed.next(item));
  EXPECT_EQ(closed.error(), EBADF);

  home_.directory("gone");
  for (const bool live : {false, true}) {
    home_.directory("gone");
    const DirectoryFd gone = opened("gone");
    home_.remove("gone");
    DirectoryReader of_gone = listing_of(gone, live);
    EXPECT_FALSE(of_gone.next(item));
    EXPECT_EQ(of_gone.error(), ENOENT);
  }
}

TEST_F(DiskTest, AListingWithoutEndIsCutShort) {
  for (int i = 0; i < 2000; ++i) home_.write("entry" + std::to_string(i));
  const DirectoryRecords whole = read_records(fd_.get());
  EXPECT_EQ(whole.error, 0);
  EXPECT_EQ(read_records(fd_.get(), whole.bytes.size()).bytes, whole.bytes);
  const DirectoryRecords cut = read_records(fd_.get(), whole.bytes.size() - 1);
  EXPECT_EQ(cut.error, EOVERFLOW);
  EXPECT_TRUE(cut.bytes.empty());
}

}  // namespace
}  // namespace lookout
