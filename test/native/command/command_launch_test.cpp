// What a command is given, and what is told when it cannot be.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "command/command_test.h"
#include "support/unique_fd.h"

namespace lookout {
namespace {

using CommandLaunchTest = CommandTest;
using Kind = OutputTarget::Kind;

std::string content_of(const std::string& path) {
  std::ostringstream content;
  content << std::ifstream(path).rdbuf();
  return content.str();
}

// A path of this test's own, removed at the end.
class TempPath {
 public:
  TempPath() {
    std::string name = ::testing::TempDir() + "lookout-command-XXXXXX";
    ::close(::mkstemp(name.data()));
    path = name;
  }
  ~TempPath() { std::remove(path.c_str()); }
  TempPath(const TempPath&) = delete;
  TempPath& operator=(const TempPath&) = delete;

  std::string path;
};

TEST_F(CommandLaunchTest, OutputComesBeforeTheExit) {
  EXPECT_EQ(run(actor({"say:out", "error:err", "exit:3"})), (ExitStatus{3, 0}));
  EXPECT_EQ(listener.output, "out\n");
  EXPECT_EQ(listener.errors, "err\n");
}

TEST_F(CommandLaunchTest, ProgramIsFoundInThePathThatTheCommandHas) {
  LaunchSpec spec;
  spec.argv = {"sh", "-c", "echo $PATH"};
  spec.environment = {{"PATH", "/nowhere:/bin"}};
  run(spec);
  EXPECT_EQ(listener.output, "/nowhere:/bin\n");
}

TEST_F(CommandLaunchTest, EnvironmentIsSetTakenAwayAndCleared) {
  LaunchSpec spec = shell("echo $A-${HOME-unset}-${B-unset}");
  spec.environment = {{"A", "1"}, {"A", "2"}, {"HOME", std::nullopt}, {"B", ""}};
  run(spec);
  EXPECT_EQ(listener.output, "2-unset-\n");
  LaunchSpec cleared = shell("/usr/bin/env");
  cleared.clear_environment = true;
  cleared.environment = {{"ONLY", "this"}};
  listener.output.clear();
  listener.status.reset();
  run(cleared);
  EXPECT_NE(listener.output.find("ONLY=this\n"), std::string::npos);
  EXPECT_EQ(listener.output.find("PATH="), std::string::npos);
}

TEST_F(CommandLaunchTest, RelativeProgramStandsInTheWorkingDirectory) {
  LaunchSpec spec;
  spec.argv = {"./sh", "-c", "pwd"};
  spec.directory = "/bin/../bin";
  run(spec);
  EXPECT_EQ(listener.output.substr(listener.output.size() - 5), "/bin\n");
}

TEST_F(CommandLaunchTest, HasASessionOfItsOwnAndNoOtherDescriptorAndSignalsAsByDefault) {
  const int inherited = ::dup(STDERR_FILENO);  // without close-on-exec
  const pid_t pid = start(actor({"fds", "ignored", "pause"}));
  ASSERT_TRUE(run_until(
      [&] { return std::count(listener.output.begin(), listener.output.end(), '\n') == 2; }));
  EXPECT_EQ(listener.output, "0 1 2 \n\n");
  EXPECT_EQ(::getsid(pid), pid);
  EXPECT_EQ(::getpgid(pid), pid);
  ::close(inherited);
  stop(std::chrono::milliseconds(0));
  exit_status();
}

TEST_F(CommandLaunchTest, InputIsNullUnlessAskedFor) {
  run(shell("cat; readlink /proc/self/fd/0"));
  EXPECT_EQ(listener.output, "/dev/null\n");
}

TEST_F(CommandLaunchTest, ErrorsAreMergedWithTheOutputInTheirOrder) {
  LaunchSpec spec = actor({"say:1", "error:2", "say:3"});
  spec.errors = {Kind::merge, ""};
  run(spec);
  EXPECT_EQ(listener.output, "1\n2\n3\n");
  EXPECT_EQ(listener.errors, "");
}

TEST_F(CommandLaunchTest, OutputGoesToFilesOrNowhere) {
  const TempPath file;
  LaunchSpec spec = actor({"say:1", "error:2"});
  spec.output = {Kind::file, file.path};
  spec.errors = {Kind::null, ""};
  run(spec);
  EXPECT_EQ(content_of(file.path), "1\n");
  listener.status.reset();
  spec.output = {Kind::file_appended, file.path};
  run(spec);
  EXPECT_EQ(content_of(file.path), "1\n1\n");
  listener.status.reset();
  spec.output = {Kind::file, file.path};
  spec.errors = {Kind::merge, ""};
  run(spec);
  EXPECT_EQ(content_of(file.path), "1\n2\n");
  EXPECT_EQ(listener.output + listener.errors, "");
}

TEST_F(CommandLaunchTest, LimitsAndNicenessAreSet) {
  LaunchSpec spec = actor({"limit", "pause"});
  spec.limits = {{RLIMIT_NOFILE, 77, 88}};
  spec.nice = 7;
  const pid_t pid = start(spec);
  EXPECT_EQ(told_pid(), 77);
  EXPECT_EQ(::getpriority(PRIO_PROCESS, static_cast<id_t>(pid)), 7);
  stop(std::chrono::milliseconds(0));
  exit_status();
}

TEST_F(CommandLaunchTest, TerminalIsTheControllingOneAndHasItsSize) {
  LaunchSpec spec = shell("test -t 0 && test -t 1 && test -t 2 && stty size </dev/tty; exec cat");
  spec.terminal = WindowSize{11, 22};
  start(spec);
  ASSERT_TRUE(run_until([&] { return listener.output == "11 22\r\n"; }));
  EXPECT_TRUE(std::holds_alternative<Done>(command.write("hi\n")));
  ASSERT_TRUE(run_until([&] { return listener.output == "11 22\r\nhi\r\nhi\r\n"; }));
  EXPECT_TRUE(std::holds_alternative<Done>(command.close_input()));
  EXPECT_EQ(exit_status(), (ExitStatus{0, 0}));
}

TEST_F(CommandLaunchTest, TerminalIsResizedWhileItRuns) {
  LaunchSpec spec = shell("trap 'stty size; exit' WINCH; echo on; while :; do sleep 0.01; done");
  spec.terminal = WindowSize{11, 22};
  start(spec);
  ASSERT_TRUE(run_until([&] { return listener.output == "on\r\n"; }));
  EXPECT_TRUE(std::holds_alternative<Done>(command.resize({33, 44})));
  EXPECT_EQ(exit_status(), (ExitStatus{0, 0}));
  EXPECT_EQ(listener.output, "on\r\n33 44\r\n");
}

TEST_F(CommandLaunchTest, WithoutATerminalNothingIsResized) {
  start(actor({"pause"}));
  const auto refused = command.resize({1, 1});
  EXPECT_EQ(std::get<Error>(refused).reason, "no_terminal");
  stop(std::chrono::milliseconds(0));
  exit_status();
}

TEST_F(CommandLaunchTest, EachThingThatIsWrongHasItsOwnReasonAndTheNextCommandRuns) {
  LaunchSpec spec;
  spec.argv = {"no-such-program"};
  EXPECT_EQ(refusal(spec), "enoent exec");
  spec.argv = {"/no/such/program"};
  EXPECT_EQ(refusal(spec), "enoent exec");
  spec.argv = {"./program", "relative"};
  EXPECT_EQ(refusal(spec), "enoent exec");
  spec.argv = {"/etc/passwd"};
  EXPECT_EQ(refusal(spec), "eacces exec");
  spec.argv = {"/etc"};
  EXPECT_EQ(refusal(spec), "eacces exec");
  spec.argv = {"/bin/echo", std::string(200'000, 'x')};
  EXPECT_EQ(refusal(spec), "e2big exec");
  spec.argv = {"/bin/true"};
  spec.directory = "/no/such/directory";
  EXPECT_EQ(refusal(spec), "bad_directory chdir");
  spec.directory = "/etc/passwd";
  EXPECT_EQ(refusal(spec), "bad_directory chdir");
  spec.directory = "/";
  spec.output = {Kind::file, "/no/such/file"};
  EXPECT_EQ(refusal(spec), "enoent redirect");
  spec.output = {};
  spec.limits = {{RLIMIT_NOFILE, 2, 1}};
  EXPECT_EQ(refusal(spec), "bad_limit setrlimit");
  spec.limits = {};
  EXPECT_EQ(run(spec), (ExitStatus{0, 0}));
}

TEST_F(CommandLaunchTest, FileThatIsNoProgramIsSaidToBeNone) {
  const TempPath file;
  std::ofstream(file.path) << "echo no first line names my interpreter\n";
  LaunchSpec spec;
  spec.argv = {file.path};
  ::chmod(file.path.c_str(), 0755);
  EXPECT_EQ(refusal(spec), "enoexec exec");
}

TEST_F(CommandLaunchTest, NamedPipeThatNobodyReadsIsNotWaitedFor) {
  const TempPath pipe;
  std::remove(pipe.path.c_str());
  ASSERT_EQ(::mkfifo(pipe.path.c_str(), 0600), 0);
  LaunchSpec spec;
  spec.argv = {"/bin/echo", "through the pipe"};
  spec.output = {Kind::file, pipe.path};
  EXPECT_EQ(refusal(spec), "enxio redirect");
  const UniqueFd reader(::open(pipe.path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  EXPECT_EQ(run(spec), (ExitStatus{0, 0}));
  std::array<char, 32> bytes{};
  EXPECT_EQ(::read(reader.get(), bytes.data(), bytes.size()), 17);
}

TEST_F(CommandLaunchTest, FilesAreWrittenToAsByAnyProgram) {
  LaunchSpec spec = shell("grep '^flags' /proc/self/fdinfo/1 >&2");
  spec.output.kind = Kind::null;
  EXPECT_EQ(run(spec), (ExitStatus{0, 0}));
  const int flags = std::stoi(listener.errors.substr(listener.errors.find('\t') + 1), nullptr, 8);
  EXPECT_EQ(flags & O_NONBLOCK, 0);
}

TEST_F(CommandLaunchTest, OneAtATime) {
  start(actor({"pause"}));
  EXPECT_EQ(refusal(actor({"exit:0"})), "already_running spawn");
  stop(std::chrono::milliseconds(0));
  EXPECT_EQ(exit_status(), (ExitStatus{0, SIGTERM}));
  EXPECT_EQ(run(actor({"exit:4"})), (ExitStatus{0, SIGTERM}));
}

}  // namespace
}  // namespace lookout
