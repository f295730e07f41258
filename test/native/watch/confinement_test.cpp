#include "watch/disk/confinement.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <functional>
#include <string>

#include "support/unique_fd.h"
#include "watch/counted_calls.h"
#include "watch/temp_directory.h"

namespace lookout {
namespace {

// Returns whether `check` returns true in a process that may watch `directory` alone: the setting
// is process-wide.
bool holds_within(const std::string& directory, const std::function<bool()>& check) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(!confine({directory}) && check() ? 0 : 1);
  int status = 1;
  return child > 0 && ::waitpid(child, &status, 0) == child && status == 0;
}

// A path to `end` that passes the directory `a` this many times.
std::string there_and_back(int times, const std::string& end) {
  std::string path;
  for (int i = 0; i < times; ++i) path += "a/../";
  return path + end;
}

TEST(ConfinementTest, LinksAreFollowedThroughALimitedNumberOfComponents) {
  const TempDirectory home;
  home.directory("a/b/c");
  home.symlink(there_and_back(199, "a/b"), "longest");  // 400 components
  home.symlink(there_and_back(200, "a"), "longer");
  EXPECT_TRUE(holds_within(home.path(), [&] {
    return open_allowed(home.at("longest")).code == 0 &&
           open_allowed(home.at(there_and_back(500, "a"))).code == 0 &&
           open_allowed(home.at("longest/c")).code == ELOOP &&
           open_allowed(home.at("longer")).code == ELOOP;
  }));
}

TEST(ConfinementTest, ADeepDirectoryIsAllowedAfterAFewCalls) {
  constexpr int kDepth = 300;
  const TempDirectory home;
  home.directory("allowed");
  home.directory("other");
  UniqueFd at(::open(home.at("allowed").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const std::string name(200, 'n');
  for (int depth = 0; depth < kDepth; ++depth) {
    ASSERT_EQ(::mkdirat(at.get(), name.c_str(), 0700), 0);
    at = UniqueFd(::openat(at.get(), name.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    ASSERT_TRUE(at);
  }
  EXPECT_TRUE(holds_within(home.at("allowed"), [&] {
    const std::uint64_t before = link_calls();
    return is_allowed(at.get()) && link_calls() - before <= 30;
  }));
  EXPECT_TRUE(holds_within(home.at("other"), [&] { return !is_allowed(at.get()); }));
}

}  // namespace
}  // namespace lookout
