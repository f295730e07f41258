// P6 where the process that launches a command does not go on: see command/launch_helper.h.
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "command/cgroup.h"
#include "command/command_test.h"

namespace lookout {
namespace {

using std::chrono::milliseconds;
using Path = std::filesystem::path;

void write_to(const Path& file, const std::string& text) {
  std::ofstream(file) << text << std::flush;
}

std::vector<std::string> words_of(const Path& path) {
  std::ifstream file(path);
  return {std::istream_iterator<std::string>(file), {}};
}

class LaunchHelperTest : public CommandTest {
 protected:
  void SetUp() override {
    const auto own = Cgroup::make();
    if (!own) GTEST_SKIP() << "cgroup v2 cannot be written here";
    parent = Path(own->path()).parent_path();
  }

  static LaunchSpec deaf(milliseconds launch_timeout) {
    LaunchSpec spec = actor({"deaf", "pause"});
    spec.launch_timeout = launch_timeout;
    return spec;
  }

  // Spawns, with the helper frozen that launches the command: as by a command that freezes its
  // cgroup before its launch is reported. The freezer races with the launch. It is no thread: the
  // allocator of AddressSanitizer (GCC 12) would stay locked in a guardian that is forked while
  // another thread allocates.
  void spawn_frozen(const LaunchSpec& spec) {
    for (int tries = 0; tries < 100; ++tries) {
      answer.reset();
      const pid_t freezer = ::fork();
      ASSERT_GE(freezer, 0);
      if (freezer == 0) ::_exit(freeze_next_cgroup() ? EXIT_SUCCESS : EXIT_FAILURE);
      command.spawn(spec, [this](auto result) { answer = std::move(result); });
      int status = -1;
      ASSERT_EQ(::waitpid(freezer, &status, 0), freezer);
      ASSERT_EQ(status, EXIT_SUCCESS) << "no cgroup was frozen";
      cgroup = next_cgroup();
      if (holds_the_helper_alone()) return;
      write_to(cgroup / "cgroup.freeze", "0");
      EXPECT_TRUE(run_until([this] { return answer.has_value(); }));
      command.end_and_wait(kLongTime);
    }
    FAIL() << "no launch was frozen in time";
  }

  bool freeze_next_cgroup() const {
    return eventually([&] {
      const Path next = next_cgroup();
      if (next.empty()) return false;
      write_to(next / "cgroup.freeze", "1");
      const auto events = words_of(next / "cgroup.events");  // populated 1 frozen 1
      return events == std::vector<std::string>{"populated", "1", "frozen", "1"};
    });
  }

  // That of the command; empty where it is not made yet.
  Path next_cgroup() const {
    for (const auto& entry : std::filesystem::directory_iterator(parent)) {
      if (entry.path().filename().string().starts_with(prefix)) return entry.path();
    }
    return {};
  }

  // It has started no command yet: a command that is alone has replaced this program by its own.
  bool holds_the_helper_alone() const {
    if (words_of(cgroup / "cgroup.procs").size() != 1) return false;
    std::error_code error;
    const Path program = std::filesystem::read_symlink(program_of("self"), error);
    return std::filesystem::read_symlink(program_of(std::to_string(helper())), error) == program;
  }

  static Path program_of(const std::string& process) { return Path("/proc") / process / "exe"; }

  pid_t helper() const { return std::stoi(words_of(cgroup / "cgroup.procs").at(0)); }

  std::string refusal_of_frozen() {
    EXPECT_TRUE(run_until([this] { return answer.has_value(); }));
    const auto* error = std::get_if<Error>(&*answer);
    return error == nullptr ? "started" : error->reason + " " + error->operation;
  }

  const std::string prefix = "lookout-" + std::to_string(::getpid()) + "-";
  Path parent;
  Path cgroup;
  std::optional<Result<std::uint64_t>> answer;
};

TEST_F(LaunchHelperTest, P6SpawnIsAnsweredWhereTheCgroupIsFrozenDuringTheLaunch) {
  spawn_frozen(deaf(milliseconds(1)));
  EXPECT_EQ(refusal_of_frozen(), "etimedout guard");
  EXPECT_FALSE(std::filesystem::exists(cgroup));
  EXPECT_TRUE(reap_one().none_left);
  EXPECT_EQ(run(actor({"exit:3"})), (ExitStatus{3, 0}));
}

TEST_F(LaunchHelperTest, P6EndOfLookoutPortEndsALaunchThatIsFrozen) {
  spawn_frozen(deaf(kLongTime));
  command.end_and_wait(kLongTime);
  EXPECT_TRUE(reap_one().none_left);
}

// In a freezer of version 1 SIGKILL has no effect until the process is thawed.
TEST_F(LaunchHelperTest, SpawnIsAnsweredAlsoWhereTheLaunchCannotBeKilled) {
  const Path freezer = "/sys/fs/cgroup/freezer/lookout-test-" + std::to_string(::getpid());
  std::error_code error;
  if (!std::filesystem::create_directory(freezer, error)) GTEST_SKIP() << "no freezer of version 1";
  spawn_frozen(deaf(milliseconds(1)));
  write_to(freezer / "freezer.state", "FROZEN");
  write_to(freezer / "cgroup.procs", std::to_string(helper()));
  write_to(cgroup / "cgroup.freeze", "0");
  EXPECT_EQ(refusal_of_frozen(), "etimedout guard");
  EXPECT_EQ(refusal(actor({"exit:0"})), "already_running spawn");
  write_to(freezer / "freezer.state", "THAWED");
  EXPECT_TRUE(run_until([&] { return refusal(actor({"exit:0"})) == "started"; }));
  EXPECT_TRUE(eventually([&] { return ::rmdir(freezer.c_str()) == 0; }));
}

// Continues a process that this one traces until it enters the system call, and holds it there. The
// status of its end where it has ended before.
std::optional<int> hold_at(pid_t pid, std::uint64_t call) {
  int status = 0;
  while (::waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status)) {
    __ptrace_syscall_info info{};
    ::ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info);
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY && info.entry.nr == call) return std::nullopt;
    ::ptrace(PTRACE_SYSCALL, pid, nullptr, nullptr);
  }
  return status;
}

TEST_F(LaunchHelperTest, ExitIsReportedThoughTheHelperIsHeldUpAfterTheLaunch) {
  LaunchSpec spec = actor({"read", "exit:5"});
  spec.input = true;
  spawn_frozen(spec);
  const pid_t held = helper();
  ASSERT_EQ(::ptrace(PTRACE_SEIZE, held, nullptr, PTRACE_O_TRACESYSGOOD), 0);
  ASSERT_EQ(::ptrace(PTRACE_INTERRUPT, held, nullptr, nullptr), 0);
  write_to(cgroup / "cgroup.freeze", "0");
  auto end = hold_at(held, SYS_exit_group);
  EXPECT_EQ(refusal_of_frozen(), "started");
  EXPECT_TRUE(eventually([&] {
    int status = 0;
    if (!end && ::waitpid(held, &status, __WALL | WNOHANG) == held) end = status;
    return end.has_value();
  })) << "the helper goes on";
  command.write("x");
  EXPECT_EQ(exit_status(), (ExitStatus{5, 0}));
}

}  // namespace
}  // namespace lookout
