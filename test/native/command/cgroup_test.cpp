#include "command/cgroup.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "command/command_test.h"

namespace lookout {
namespace {

using CgroupTest = CommandTest;

constexpr std::string_view kMounts =
    "24 1 0:22 / /proc rw - proc proc rw\n"
    "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";

TEST(CgroupPath, IsBelowTheMountOfVersion2) {
  EXPECT_EQ(cgroup_path(kMounts, "0::/\n"), "/sys/fs/cgroup");
  EXPECT_EQ(cgroup_path(kMounts, "4:memory:/x\n0::/user.slice/a\n"), "/sys/fs/cgroup/user.slice/a");
}

TEST(CgroupPath, IsEmptyWithoutVersion2) {
  EXPECT_EQ(cgroup_path("30 24 0:26 / /sys/fs/cgroup rw - cgroup cgroup rw\n", "0::/\n"), "");
  EXPECT_EQ(cgroup_path(kMounts, "4:memory:/x\n"), "");
  EXPECT_EQ(cgroup_path("", ""), "");
}

std::size_t cgroups_of_ours() {
  const auto self = Cgroup::make();
  std::size_t count = 0;
  const std::string prefix = "lookout-" + std::to_string(::getpid()) + "-";
  const auto parent = std::filesystem::path(self->path()).parent_path();
  for (const auto& entry : std::filesystem::directory_iterator(parent)) {
    if (entry.path().filename().string().starts_with(prefix)) ++count;
  }
  return count - 1;
}

TEST_F(CgroupTest, P6CommandRunsInOneOfItsOwnThatIsRemovedWithIt) {
  if (!Cgroup::make()) GTEST_SKIP() << "cgroup v2 cannot be written here";
  start(actor({"deaf", "orphan", "pause"}));
  const pid_t orphan = told_pid();
  EXPECT_EQ(cgroups_of_ours(), 1U);
  std::ifstream file("/proc/" + std::to_string(orphan) + "/cgroup");
  const std::string content{std::istreambuf_iterator<char>(file), {}};
  EXPECT_NE(content.find("/lookout-" + std::to_string(::getpid()) + "-"), std::string::npos);
  command.stop(std::chrono::milliseconds(1));
  EXPECT_EQ(exit_status(), (ExitStatus{0, SIGKILL}));
  EXPECT_TRUE(is_gone(orphan));
  EXPECT_EQ(cgroups_of_ours(), 0U);
}

TEST_F(CgroupTest, P6CommandIsEndedAsWellWithoutOne) {
  LaunchSpec spec = actor({"deaf", "orphan", "pause"});
  spec.cgroup = false;
  start(spec);
  const pid_t orphan = told_pid();
  command.stop(std::chrono::milliseconds(1));
  EXPECT_EQ(exit_status(), (ExitStatus{0, SIGKILL}));
  EXPECT_TRUE(is_gone(orphan));
}

}  // namespace
}  // namespace lookout
