#include "watch/disk/mount_watch.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <algorithm>

#include "watch/own_mounts.h"

namespace lookout {
namespace {

constexpr const char* kTable =
    "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
    "30 22 0:25 / /srv rw - tmpfs tmpfs rw\n"
    "31 30 0:26 / /srv/a\\040space\\011tab rw - tmpfs tmpfs rw\n"
    "32 30 0:27 / /srv rw - tmpfs tmpfs rw\n";

TEST(ParseMounts, ReadsPlacesWithWhatIsMountedThere) {
  const Mounts expected{
      {"/", "22 254:0;"}, {"/srv", "30 0:25;32 0:27;"}, {"/srv/a space\ttab", "31 0:26;"}};
  EXPECT_EQ(parse_mounts(kTable), expected);
}

TEST(ParseMounts, PassesOverWhatIsNoLineOfTheTable) {
  EXPECT_EQ(parse_mounts("\n\nnonsense\n1 2 3\n\\999\\0"), Mounts{});
  EXPECT_EQ(parse_mounts("1 2 0:3 / /cut"), (Mounts{{"/cut", "1 0:3;"}}));
  EXPECT_EQ(parse_mounts("1 2 0:3 / /cut\\04"), (Mounts{{"/cut\\04", "1 0:3;"}}));
}

TEST(ParseMounts, ReadsTheTypeOfWhatShowsAtAPlace) {
  EXPECT_EQ(parse_mount_types(kTable),
            (MountTypes{{"/", "ext4"}, {"/srv", "tmpfs"}, {"/srv/a space\ttab", "tmpfs"}}));
  EXPECT_EQ(parse_mount_types("1 2 0:3 / /mnt rw - ext4 a rw\n4 1 0:5 / /mnt rw shared:6 master:7 "
                              "propagate_from:8 - fuse.sshfs host: rw\n"),
            (MountTypes{{"/mnt", "fuse.sshfs"}}))
      << "with any number of optional fields, and the highest mount counts";
  EXPECT_EQ(parse_mount_types("\n\nnonsense\n1 2 0:3 / /cut\n1 2 0:3 / /cut rw -"), MountTypes{});
}

TEST(ChangedPlaces, AreThoseThatCameWentOrHoldSomethingElse) {
  const Mounts before{{"/", "1;"}, {"/gone", "2;"}, {"/other", "3;"}, {"/same", "4;"}};
  const Mounts after{{"/", "1;"}, {"/new", "5;"}, {"/other", "6;"}, {"/same", "4;"}};
  EXPECT_EQ(changed_places(before, after), (std::vector<std::string>{"/gone", "/new", "/other"}));
  EXPECT_TRUE(changed_places(after, after).empty());
}

TEST(MountWatch, ATableThatCouldNotBeOpenedForWantOfDescriptorsIsOpenedLater) {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit none{0, limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  MountWatch mounts;
  const bool opened = mounts.reopen();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_FALSE(opened);
  EXPECT_LT(mounts.fd(), 0);
  EXPECT_TRUE(mounts.reopen());
  EXPECT_FALSE(mounts.changes().empty());
  EXPECT_FALSE(mounts.reopen());
}

class OwnMountWatchTest : public OwnMountsTest {};

// The event loop may have polled the descriptor, with the handler still to run, when a sync asks
// for changes of the table.
TEST_F(OwnMountWatchTest, AChangeIsSignalledAlthoughThePollOfTheDescriptorHasReturnedIt) {
  apart([&] {
    MountWatch mounts;
    EXPECT_FALSE(mounts.signalled());
    ASSERT_EQ(::mount("lookout-test", home_.path().c_str(), "tmpfs", 0, nullptr), 0);
    pollfd polled{mounts.fd(), POLLPRI, 0};
    EXPECT_EQ(::poll(&polled, 1, 0), 1);
    EXPECT_EQ(::poll(&polled, 1, 0), 0);
    EXPECT_TRUE(mounts.signalled());
    EXPECT_FALSE(mounts.signalled());
    EXPECT_EQ(mounts.changes(), std::vector<std::string>{home_.path()});
  });
}

TEST(MountWatch, TellsNothingWhereNothingIsMounted) {
  MountWatch mounts;
  ASSERT_GE(mounts.fd(), 0);
  EXPECT_TRUE(mounts.changes().empty());
  const auto places = mounts.mount_points();
  EXPECT_NE(std::find(places.begin(), places.end(), "/proc"), places.end());
}

}  // namespace
}  // namespace lookout
