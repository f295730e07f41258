// The user and the groups of a command.
#include "command/credentials.h"

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "command/cgroup.h"
#include "command/command_test.h"
#include "command/environment.h"
#include "command/launcher.h"
#include "command/preparation.h"
#include "command/process_tree.h"

namespace lookout {
namespace {

constexpr std::string_view kIds =
    "grep -E '^(Uid|Gid|Groups|Cap(Inh|Prm|Eff|Amb)):' /proc/self/status";
constexpr std::string_view kNoCapabilities =
    "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n"
    "CapAmb:\t0000000000000000\n";

class CredentialsTest : public CommandTest {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root may change the user of a command";
  }

  std::string output_of(const LaunchSpec& spec) {
    EXPECT_EQ(run(spec), (ExitStatus{0, 0}));
    listener.status.reset();
    return std::exchange(listener.output, "");
  }

  std::string error_of(const LaunchSpec& spec) {
    const Result<std::uint64_t> answer = spawn(spec);
    const auto* error = std::get_if<Error>(&answer);
    return error == nullptr ? "started"
                            : error->reason + " " + error->operation + " " + error->detail;
  }
};

LaunchSpec as_nobody(const std::string& line) {
  LaunchSpec spec;
  spec.argv = {"/bin/sh", "-c", line};
  spec.user = "nobody";
  return spec;
}

TEST(MissingCapabilities, AreNamedAndTheUserMattersOnlyWhereItChanges) {
  constexpr auto bit = [](unsigned number) { return std::uint64_t{1} << number; };
  EXPECT_EQ(missing_capabilities(0, true), "CAP_SETGID, CAP_SETUID, CAP_KILL");
  EXPECT_EQ(missing_capabilities(bit(CAP_SETUID) | bit(CAP_SETGID), true), "CAP_KILL");
  EXPECT_EQ(missing_capabilities(bit(CAP_SETGID), false), "");
  EXPECT_EQ(missing_capabilities(~std::uint64_t{0}, true), "");
}

TEST(UserEnvironment, IsBelowTheVariablesOfTheLaunchAndGoneAfterAClear) {
  const char* const inherited[] = {"HOME=/root", "USER=root", "A=1", nullptr};
  const std::vector<EnvironmentChange> user{{"HOME", "/home/u"}, {"USER", std::nullopt}};
  LaunchSpec spec;
  EXPECT_EQ(make_environment(inherited, spec, user),
            (std::vector<std::string>{"A=1", "HOME=/home/u"}));
  spec.environment = {{"HOME", "/mine"}};
  EXPECT_EQ(make_environment(inherited, spec, user),
            (std::vector<std::string>{"A=1", "HOME=/mine"}));
  spec.clear_environment = true;
  EXPECT_EQ(make_environment(inherited, spec, user), (std::vector<std::string>{"HOME=/mine"}));
}

TEST_F(CredentialsTest, EveryIdIsThatOfTheUserAndNoCapabilityIsLeft) {
  const std::string expected =
      "Uid:\t65534\t65534\t65534\t65534\nGid:\t65534\t65534\t65534\t65534\nGroups:\t65534 \n";
  LaunchSpec spec = as_nobody(std::string(kIds));
  EXPECT_EQ(output_of(spec), expected + std::string(kNoCapabilities));
  spec.user = id_t{65534};
  spec.cgroup = false;  // without a helper
  EXPECT_EQ(output_of(spec), expected + std::string(kNoCapabilities));
}

TEST_F(CredentialsTest, GroupsAreThoseGivenElseThoseOfTheUserElseNone) {
  const std::string groups = "grep -E '^(Uid|Gid|Groups):' /proc/self/status | tr '\\t' ' '";
  LaunchSpec spec = as_nobody(groups);
  spec.group = "daemon";
  spec.groups = {{"bin", id_t{4242}}};
  EXPECT_EQ(output_of(spec), "Uid: 65534 65534 65534 65534\nGid: 1 1 1 1\nGroups: 2 4242 \n");
  spec.groups.reset();
  spec.user = id_t{54321};  // of no entry
  EXPECT_EQ(output_of(spec), "Uid: 54321 54321 54321 54321\nGid: 1 1 1 1\nGroups:  \n");
  spec.user.reset();
  EXPECT_EQ(output_of(spec), "Uid: 0 0 0 0\nGid: 1 1 1 1\nGroups:  \n");
}

TEST_F(CredentialsTest, TheUserCannotBecomeRootAgain) {
  const std::string program = ::testing::TempDir() + "lookout-actor-" + std::to_string(::getpid());
  std::filesystem::copy_file(LOOKOUT_ACTOR, program);
  LaunchSpec spec = as_nobody(program + " root");
  EXPECT_EQ(run(spec), (ExitStatus{1, 0}));
  std::filesystem::remove(program);
}

TEST_F(CredentialsTest, TheUserHasNoKeysOfTheSessionOfTheVm) {
  if (::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) < 0) GTEST_SKIP() << "no keys";
  const std::string name = "lookout-test-" + std::to_string(::getpid());
  ASSERT_GE(::syscall(SYS_add_key, "user", name.c_str(), "x", 1, KEY_SPEC_SESSION_KEYRING), 0);
  LaunchSpec spec = as_nobody("grep -c " + name + " /proc/keys");
  spec.user.reset();
  ASSERT_EQ(output_of(spec), "1\n");
  spec.user = "nobody";
  EXPECT_EQ(run(spec), (ExitStatus{1, 0}));
  EXPECT_EQ(listener.output, "0\n");
}

TEST_F(CredentialsTest, HomeAndNameAreThoseOfTheUserUnlessGiven) {
  LaunchSpec spec = as_nobody("echo $HOME $USER $LOGNAME");
  spec.environment = {{"USER", "me"}};
  EXPECT_EQ(output_of(spec), "/nonexistent me nobody\n");
  spec = as_nobody("echo ${HOME-unset} ${USER-unset}");
  spec.user = id_t{54321};
  spec.group = id_t{54321};
  EXPECT_EQ(output_of(spec), "unset unset\n");
}

TEST_F(CredentialsTest, AnUnknownUserOrGroupIsNamed) {
  LaunchSpec spec = as_nobody("true");
  spec.user = "no-such-user";
  EXPECT_EQ(error_of(spec).substr(0, 45), "bad_user user there is no user \"no-such-user\"");
  spec.user = "nobody";
  spec.group = "no-such-group";
  EXPECT_EQ(error_of(spec).substr(0, 49), "bad_group group there is no group \"no-such-group\"");
  spec.group = "daemon";
  spec.groups = {{"no-such-group"}};
  EXPECT_EQ(error_of(spec).substr(0, 15), "bad_group group");
  spec.group.reset();
  spec.groups.reset();
  spec.user = id_t{54321};
  EXPECT_NE(error_of(spec).find("bad_user user the user 54321 has no entry"), std::string::npos);
}

TEST_F(CredentialsTest, TheWorkingDirectoryIsEnteredAsTheUser) {
  const std::string directory =
      ::testing::TempDir() + "lookout-closed-" + std::to_string(::getpid());
  ::mkdir(directory.c_str(), 0700);
  LaunchSpec spec = as_nobody("true");
  spec.directory = directory;
  EXPECT_EQ(refusal(spec), "bad_directory chdir");
  ::rmdir(directory.c_str());
}

TEST_F(CredentialsTest, TheUserMayOpenItsStreamsByName) {
  EXPECT_EQ(output_of(as_nobody("echo out >/dev/stdout; echo err >/dev/stderr")), "out\n");
  EXPECT_EQ(listener.errors, "err\n");
}

TEST_F(CredentialsTest, ATerminalBelongsToTheUser) {
  LaunchSpec spec = as_nobody("stat -c %u $(tty) && echo hi >/dev/tty");
  spec.terminal = WindowSize{24, 80};
  EXPECT_EQ(output_of(spec), "65534\r\nhi\r\n");
}

TEST_F(CredentialsTest, P6TheWholeTreeIsEndedAsForAnyOtherUser) {
  LaunchSpec spec = as_nobody("trap '' TERM; setsid sleep 600 & echo $!; wait");
  start(spec);
  const pid_t orphan = told_pid();
  stop(std::chrono::milliseconds(1));
  EXPECT_TRUE(std::holds_alternative<Done>(stop_outcome()));
  exit_status();
  EXPECT_TRUE(is_gone(orphan));
}

TEST_F(CredentialsTest, TheUserCannotWriteItsCgroup) {
  if (!Cgroup::make()) GTEST_SKIP() << "cgroup v2 cannot be written here";
  const std::string line =
      "mount=$(awk '$9 == \"cgroup2\" || $8 == \"cgroup2\" {print $5; exit}' /proc/self/mountinfo);"
      "dir=$mount$(sed -n 's/^0:://p' /proc/self/cgroup);"
      "test -e $dir/cgroup.procs && for f in cgroup.procs cgroup.kill cgroup.subtree_control; do "
      "test -w $dir/$f && echo $f; done; test -w $dir && echo $dir; true";
  LaunchSpec spec = as_nobody(line);
  EXPECT_EQ(output_of(spec), "");
  spec.user = "root";
  EXPECT_NE(output_of(spec).find("cgroup.kill\n"), std::string::npos);
}

// The kernel resets the signal at a change of the user.
TEST_F(CredentialsTest, P6TheCommandDiesWithTheProcessThatLaunchedIt) {
  become_subreaper();
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const pid_t launcher = ::fork();
  if (launcher == 0) {
    LaunchSpec spec = as_nobody("exec sleep 20");
    spec.cgroup = false;
    auto prepared = prepare_launch(spec);
    const auto launched = launch(std::get<Preparation>(prepared).plan);
    const pid_t pid = std::get<pid_t>(launched);
    ::_exit(::write(ends[1], &pid, sizeof pid) == sizeof pid ? 0 : 1);
  }
  pid_t pid = 0;
  ASSERT_EQ(::read(ends[0], &pid, sizeof pid), static_cast<ssize_t>(sizeof pid));
  int status = 0;
  ::waitpid(launcher, &status, 0);
  EXPECT_EQ(status, 0);
  ::waitpid(pid, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  for (const int end : ends) ::close(end);
}

// 0, or what went wrong, in a process of user 54321 with some capabilities, ambient ones, too.
int take_credentials_with_capabilities() {
  constexpr std::uint32_t kSome = 1U << CAP_SETUID | 1U << CAP_SETGID | 1U << CAP_KILL;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{};
  data[0] = {kSome, kSome, kSome};
  if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 || ::setresuid(54321, 54321, 54321) != 0) return 2;
  if (::syscall(SYS_capset, &header, data.data()) != 0) return 3;
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SETUID, 0, 0) != 0) return 4;
  if (!take_credentials({65534, 65534, {}})) return 5;
  if (::setresuid(0, 0, 0) == 0) return 6;
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_SETUID, 0, 0) != 0) return 7;
  if (::syscall(SYS_capget, &header, data.data()) != 0) return 8;
  return data[0].effective == 0 && data[0].permitted == 0 && data[0].inheritable == 0 ? 0 : 9;
}

TEST_F(CredentialsTest, ALauncherThatIsNotRootHandsNoneOfItsCapabilitiesOn) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(take_credentials_with_capabilities());
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

// From a process without privileges: the command of a command would be another process's.
TEST_F(CredentialsTest, WithoutThePrivilegeItIsRefusedAndTheMessageNamesIt) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (::setresuid(65534, 65534, 65534) != 0) ::_exit(3);
    const auto found = find_account(as_nobody("true"));
    const auto* error = std::get_if<Error>(&found);
    if (error == nullptr || error->reason != "eperm") ::_exit(1);
    // Its own user, too: the groups could not be set.
    ::_exit(error->detail.find("does not have CAP_SETGID") != std::string::npos ? 0 : 2);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace lookout
