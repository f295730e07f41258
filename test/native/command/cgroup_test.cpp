#include "command/cgroup.h"

#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "command/command_test.h"
#include "command/launch_helper.h"
#include "support/unique_fd.h"

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

// A directory with files like those of a cgroup.
class FakeCgroup : public ::testing::Test {
 protected:
  FakeCgroup() {
    std::string name = ::testing::TempDir() + "lookout-cgroup-XXXXXX";
    path = ::mkdtemp(name.data());
    directory.reset(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  ~FakeCgroup() override { std::filesystem::remove_all(path); }

  void write(const std::string& name, const std::string& content) const {
    std::ofstream(path + "/" + name) << content;
  }
  std::string read(const std::string& name) const {
    std::ifstream file(path + "/" + name);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  std::string path;
  UniqueFd directory;
};

TEST_F(FakeCgroup, OnlyControllersThatAreNotEnabledAreEnabled) {
  write("cgroup.controllers", "cpuset cpu io memory pids\n");
  write("cgroup.subtree_control", "memory io\n");
  EXPECT_EQ(enable_below(path, {"memory"}), std::nullopt);
  EXPECT_EQ(read("cgroup.subtree_control"), "memory io\n");
  EXPECT_EQ(enable_below(path, {"memory", "cpu", "pids"}), std::nullopt);
  EXPECT_EQ(read("cgroup.subtree_control").substr(0, 10), "+cpu +pids");
}

TEST_F(FakeCgroup, ControllersThatAreNotThereAreNamed) {
  write("cgroup.controllers", "hugetlb cpu\n");
  write("cgroup.subtree_control", "\n");
  EXPECT_EQ(enable_below(path, {"memory", "cpu", "pids"}),
            "the cgroup " + path +
                " does not have the controllers: memory pids (its cgroup.controllers lists those "
                "that it has)");
}

TEST_F(FakeCgroup, ACommandWithLimitsIsBesideItsVmOnlyWhereTheCgroupAboveIsDelegated) {
  write("cgroup.controllers", "memory pids\n");
  write("cgroup.subtree_control", "memory pids\n");
  const std::string own = path + "/main";
  std::filesystem::create_directory(own);
  const auto refused = limitable_parent(own, {"memory"});
  ASSERT_TRUE(std::holds_alternative<Error>(refused));
  EXPECT_EQ(std::get<Error>(refused).reason, "enotsup");
  EXPECT_NE(std::get<Error>(refused).detail.find(own), std::string::npos);
  if (::setxattr(path.c_str(), "trusted.delegate", "1", 1, 0) != 0 &&
      ::setxattr(path.c_str(), "user.delegate", "1", 1, 0) != 0) {
    GTEST_SKIP() << "no extended attribute can be set here";
  }
  EXPECT_EQ(std::get<std::string>(limitable_parent(own, {"memory"})), path);
  EXPECT_TRUE(std::holds_alternative<Error>(limitable_parent(own, {"cpu"})));
  write("main/cgroup.subtree_control", "memory\n");
  EXPECT_EQ(std::get<std::string>(limitable_parent(own, {"memory"})), own);
}

TEST_F(FakeCgroup, LimitsAreWrittenAndPidsMaxHasRoomForTheHelperUntilItIsSet) {
  for (const char* name : {"memory.max", "cpu.max", "pids.max"}) write(name, "");
  CgroupLimits limits;
  limits.memory_max = 1'048'576;
  limits.cpu_max = 50'000;
  limits.pids_max = 7;
  EXPECT_EQ(controllers_of(limits), (std::vector<std::string>{"memory", "cpu", "pids"}));
  ASSERT_TRUE(set_limits(directory.get(), limits));
  EXPECT_EQ(read("memory.max"), "1048576");
  EXPECT_EQ(read("cpu.max"), "50000 100000");
  EXPECT_EQ(read("pids.max"), "8");
  EXPECT_TRUE(set_pids_max(directory.get(), 7));
  EXPECT_EQ(read("pids.max"), "7");
}

TEST_F(FakeCgroup, ALimitWhoseFileIsMissingFails) {
  CgroupLimits limits;
  limits.pids_max = 7;
  EXPECT_FALSE(set_limits(directory.get(), limits));
}

TEST_F(FakeCgroup, ARemovalGoesOnWhereItsTimeWasUp) {
  for (int i = 0; i < 20; ++i) {
    std::filesystem::create_directories(path + "/" + std::to_string(i) + "/a/b");
  }
  std::filesystem::create_directories(path + "/.x/...");  // a command chooses any name
  CgroupRemoval removal(path);
  EXPECT_FALSE(removal.go_on({}));
  EXPECT_TRUE(std::filesystem::exists(path));
  int slices = 1;
  while (!removal.go_on({})) ++slices;
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_GT(slices, 60);
}

// Where the controller is not there, nothing runs without the limit.
TEST_F(CgroupTest, ACommandHasItsLimitsOrIsNotStarted) {
  LaunchSpec spec = shell("sleep 0 & wait; echo forked");
  spec.cgroup_limits.pids_max = 1;
  const Result<std::uint64_t> answer = spawn(spec);
  if (const auto* error = std::get_if<Error>(&answer)) {
    EXPECT_EQ(error->reason + " " + error->operation, "enotsup cgroup");
    EXPECT_NE(error->detail.find("Delegate=yes"), std::string::npos);
    EXPECT_EQ(cgroups_of_ours(), 0U);
    GTEST_SKIP() << error->detail;
  }
  command.grant(OutputStreamName::output, kPlenty);
  exit_status();
  EXPECT_EQ(listener.output, "");
}

TEST_F(CgroupTest, ALimitedCommandIsNotLaunchedWhereNoProcessCanBeginInItsCgroup) {
  LaunchPlan plan;
  plan.program.name = "/bin/true";
  plan.needs_cgroup = true;
  errno = ENOSYS;
  const Launched launched = launch_without_helper(plan);
  ASSERT_TRUE(std::holds_alternative<LaunchFailure>(launched));
  EXPECT_EQ(std::get<LaunchFailure>(launched).step, LaunchStep::enter_cgroup);
  EXPECT_EQ(std::get<LaunchFailure>(launched).code, ENOSYS);
}

TEST_F(CgroupTest, P6CommandRunsInOneOfItsOwnThatIsRemovedWithIt) {
  if (!Cgroup::make()) GTEST_SKIP() << "cgroup v2 cannot be written here";
  start(actor({"deaf", "orphan", "pause"}));
  const pid_t orphan = told_pid();
  EXPECT_EQ(cgroups_of_ours(), 1U);
  std::ifstream file("/proc/" + std::to_string(orphan) + "/cgroup");
  const std::string content{std::istreambuf_iterator<char>(file), {}};
  EXPECT_NE(content.find("/lookout-" + std::to_string(::getpid()) + "-"), std::string::npos);
  stop(std::chrono::milliseconds(1));
  EXPECT_EQ(exit_status(), (ExitStatus{0, SIGKILL}));
  EXPECT_TRUE(is_gone(orphan));
  EXPECT_EQ(cgroups_of_ours(), 0U);
}

TEST_F(CgroupTest, P6CommandIsEndedAsWellWithoutOne) {
  LaunchSpec spec = actor({"deaf", "orphan", "pause"});
  spec.cgroup = false;
  start(spec);
  const pid_t orphan = told_pid();
  stop(std::chrono::milliseconds(1));
  EXPECT_EQ(exit_status(), (ExitStatus{0, SIGKILL}));
  EXPECT_TRUE(is_gone(orphan));
}

}  // namespace
}  // namespace lookout
