// The kernel numbers the watches of an inotify instance in a cycle up to INT_MAX.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>

#include "watch/engine_test.h"

#ifndef INOTIFY_IOC_SETNEXTWD
#define INOTIFY_IOC_SETNEXTWD _IOW('I', 0, int)
#endif

namespace lookout {
namespace {

// The next watch of each inotify instance of this process gets this number. Returns the errno.
int set_next_watch(int number) {
  int failed = ENOENT;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    if (std::filesystem::read_symlink(entry.path(), gone) != "anon_inode:inotify") continue;
    const int fd = std::stoi(entry.path().filename());
    failed = ::ioctl(fd, INOTIFY_IOC_SETNEXTWD, static_cast<long>(number)) == 0 ? 0 : errno;
    if (failed != 0) break;
  }
  return failed;
}

class WatchNumbersTest : public EngineTest, public testing::WithParamInterface<int> {};

TEST_P(WatchNumbersTest, P7AreThoseOfInotify) {
  home_.directory("in/old");
  watch({"in"});
  if (const int failed = set_next_watch(GetParam()); failed != 0) {
    GTEST_SKIP() << "the kernel lets nobody set the number: " << std::strerror(failed);
  }
  for (const char* name : {"in/a", "in/b", "in/c"}) home_.directory(name);
  EXPECT_EQ(sorted(synced()),
            (Told{"created directory in/a", "created directory in/b", "created directory in/c"}));
  for (const char* name : {"in/a/x", "in/b/x", "in/c/x", "in/old/x"}) home_.write(name);
  EXPECT_EQ(sorted(synced()), (Told{"created file in/a/x", "created file in/b/x",
                                    "created file in/c/x", "created file in/old/x"}));
  home_.move("in/a", "a");  // its watch is removed
  home_.remove("in/b");
  EXPECT_EQ(sorted(synced()), (Told{"deleted directory in/a", "deleted directory in/b",
                                    "deleted file in/a/x", "deleted file in/b/x"}));
  home_.move("in", "away");
  watcher_.until("the root was missed", [&] { return watcher_.has_told("root_deleted in"); });
  home_.directory("in");
  watcher_.until("it was found", [&] { return watcher_.has_told("root_created in"); });
  EXPECT_EQ(watcher_.engine().info().roots.at(0).second, "inotify");
}

INSTANTIATE_TEST_SUITE_P(Numbers, WatchNumbersTest, testing::Values(1 << 30, INT_MAX - 1));

}  // namespace
}  // namespace lookout
