#include "support/unique_fd.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <cstdlib>
#include <type_traits>
#include <utility>

namespace lookout {
namespace {

int open_null() {
  return ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}

bool is_open(int fd) {
  return ::fcntl(fd, F_GETFD) != -1;
}

static_assert(!std::is_copy_constructible_v<UniqueFd>);
static_assert(!std::is_copy_assignable_v<UniqueFd>);

TEST(UniqueFd, HoldsNothingAtFirst) {
  const UniqueFd none;
  EXPECT_FALSE(none);
  EXPECT_EQ(none.get(), -1);
}

TEST(UniqueFd, ClosesWhenItsOwnerEnds) {
  const int fd = open_null();
  {
    const UniqueFd owner(fd);
    EXPECT_TRUE(owner);
    EXPECT_TRUE(is_open(fd));
  }
  EXPECT_FALSE(is_open(fd));
}

TEST(UniqueFd, OwnsDescriptorZeroToo) {
  // In a child, since 0 is taken over.
  EXPECT_EXIT(
      {
        ::close(0);
        const int fd = open_null();
        {
          const UniqueFd owner(fd);
          if (fd != 0 || !owner) std::_Exit(1);
        }
        std::_Exit(is_open(0) ? 2 : 0);
      },
      testing::ExitedWithCode(0), "");
}

TEST(UniqueFd, MovingHandsOverWithoutClosing) {
  const int fd = open_null();
  UniqueFd first(fd);
  UniqueFd second(std::move(first));
  EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(second.get(), fd);
  EXPECT_TRUE(is_open(fd));
}

TEST(UniqueFd, MoveAssignmentClosesWhatWasHeld) {
  const int old = open_null();
  const int fd = open_null();
  UniqueFd owner(old);
  owner = UniqueFd(fd);
  EXPECT_FALSE(is_open(old));
  EXPECT_TRUE(is_open(fd));
}

TEST(UniqueFd, AssignedToItselfStaysOpen) {
  const int fd = open_null();
  UniqueFd owner(fd);
  UniqueFd& same = owner;
  owner = std::move(same);
  EXPECT_EQ(owner.get(), fd);
  EXPECT_TRUE(is_open(fd));
}

TEST(UniqueFd, ReleasedDescriptorIsTheCallersToClose) {
  int fd = -1;
  {
    UniqueFd owner(open_null());
    fd = owner.release();
    EXPECT_FALSE(owner);
  }
  EXPECT_TRUE(is_open(fd));
  ::close(fd);
}

TEST(UniqueFd, ResetLeavesErrnoAlone) {
  UniqueFd owner(987654);  // not open: close fails with EBADF
  errno = ENOENT;
  owner.reset();
  EXPECT_EQ(errno, ENOENT);
}

}  // namespace
}  // namespace lookout
