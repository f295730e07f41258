// `lookout_port inotifywait` itself, started as file_system starts inotifywait.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "support/unique_fd.h"
#include "watch/temp_directory.h"

namespace lookout::inotifywait {
namespace {

using Words = std::vector<std::string>;

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    reading.reset(ends[0]);
    writing.reset(ends[1]);
  }
  UniqueFd reading;
  UniqueFd writing;
};

class Program {
 public:
  explicit Program(Words words) : pid_(::fork()) {
    if (pid_ == 0) run(std::move(words));
    input_.reading.reset();
    output_.writing.reset();
    errors_.writing.reset();
  }
  ~Program() {
    if (pid_ > 0) ::kill(pid_, SIGKILL);
    if (pid_ > 0) wait();
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  void close_input() { input_.writing.reset(); }
  void close_output() { output_.reading.reset(); }
  void signal(int number) const { EXPECT_EQ(::kill(pid_, number), 0); }

  // Without its newline; "" at the end of the output.
  std::string line() const { return line_of(output_.reading.get()); }
  std::string error_line() const { return line_of(errors_.reading.get()); }

  void await_watches() const {
    EXPECT_EQ(error_line(), "lookout_port inotifywait: Watches established.");
  }

  // Its exit status; 128 and the signal where one ended it.
  int wait() {
    int status = 0;
    EXPECT_GT(::waitpid(std::exchange(pid_, -1), &status, 0), 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  [[noreturn]] void run(Words words) const {
    ::dup2(input_.reading.get(), STDIN_FILENO);
    ::dup2(output_.writing.get(), STDOUT_FILENO);
    ::dup2(errors_.writing.get(), STDERR_FILENO);
    std::vector<char*> argv;
    argv.reserve(words.size() + 1);
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    ::execv(argv[0], argv.data());
    std::_Exit(127);
  }

  static std::string line_of(int fd) {
    std::string line;
    char byte = 0;
    while (::read(fd, &byte, 1) == 1 && byte != '\n') line += byte;
    return line;
  }

  Pipe input_;
  Pipe output_;
  Pipe errors_;
  pid_t pid_;
};

const std::string kFormat = "%w\x01%e\x01%f";

Words watching(const std::string& directory) {
  return {LOOKOUT_PORT, "inotifywait", "-m", "-r", "--format", kFormat, directory};
}

std::string fields(const std::string& watched, const std::string& events, const std::string& name) {
  return watched + '\x01' + events + '\x01' + name;
}

TEST(InotifywaitProgram, PrintsALineForEachEvent) {
  const TempDirectory home;
  const Program program(watching(home.path()));
  program.await_watches();
  home.directory("new dir");
  EXPECT_EQ(program.line(), fields(home.path() + "/", "CREATE,ISDIR", "new dir"));
  home.write("new dir/a");
  EXPECT_EQ(program.line(), fields(home.at("new dir/"), "CREATE", "a"));
  EXPECT_EQ(program.line(), fields(home.at("new dir/"), "MODIFY", "a"));
  EXPECT_EQ(program.line(), fields(home.at("new dir/"), "CLOSE_WRITE,CLOSE", "a"));
}

TEST(InotifywaitProgram, AMissingDirectoryDoesNotStopTheOthersAndIsWatchedWhenItAppears) {
  const TempDirectory home;
  home.directory("here");
  Words words = watching(home.at("missing"));
  words.push_back(home.at("here"));
  const Program program(words);
  program.await_watches();
  home.directory("here/a");
  EXPECT_EQ(program.line(), fields(home.at("here/"), "CREATE,ISDIR", "a"));
  home.directory("missing/b");
  EXPECT_EQ(program.line(), fields(home.at("missing/"), "CREATE,ISDIR", "b"));
}

TEST(InotifywaitProgram, EndsWithoutAReaderThoughNothingChanges) {
  const TempDirectory home;
  Program program(watching(home.path()));
  program.await_watches();
  program.close_output();
  EXPECT_EQ(program.wait(), 0);
}

TEST(InotifywaitProgram, DoesNotEndWithItsInput) {
  const TempDirectory home;
  Program program(watching(home.path()));
  program.await_watches();
  program.close_input();
  home.directory("a");
  EXPECT_EQ(program.line(), fields(home.path() + "/", "CREATE,ISDIR", "a"));
}

TEST(InotifywaitProgram, EndsOnSigtermAlsoWhereThatWasIgnored) {
  const TempDirectory home;
  std::signal(SIGTERM, SIG_IGN);
  Program program(watching(home.path()));
  std::signal(SIGTERM, SIG_DFL);
  program.await_watches();
  program.signal(SIGTERM);
  EXPECT_EQ(program.wait(), 128 + SIGTERM);
}

// The wrapper kills lookout_port when its own input ends; the output ends with both.
TEST(InotifywaitProgram, EndsWithTheShellThatFileSystemPutsAroundIt) {
  const TempDirectory home;
  const std::string script =
      std::string(LOOKOUT_PORT) + " inotifywait \"$0\" \"$@\" & PID=$!; read a; kill -KILL $PID";
  Program program(
      {"/bin/sh", "-c", script, "-e", "create", "--format", kFormat, "-m", "-r", home.path()});
  program.await_watches();
  home.directory("a");
  EXPECT_EQ(program.line(), fields(home.path() + "/", "CREATE,ISDIR", "a"));
  program.close_input();
  EXPECT_EQ(program.line(), "");
}

TEST(InotifywaitProgram, IsStartedByTheScriptBesideItAndByALinkToThat) {
  const TempDirectory home;
  home.directory("it's priv");
  home.directory("bin");
  home.directory("watched");
  home.symlink(LOOKOUT_PORT, "it's priv/lookout_port");
  std::filesystem::copy(LOOKOUT_SOURCE_DIR "/c_src/inotifywait/inotifywait.sh",
                        home.at("it's priv/inotifywait"));
  home.symlink("../it's priv/inotifywait", "bin/inotifywait");
  const Program program({home.at("bin/inotifywait"), "-m", home.at("watched")});
  program.await_watches();
  home.directory("watched/a");
  EXPECT_EQ(program.line(), home.at("watched/") + " CREATE,ISDIR a");
}

// More than a pipe and LineOutput hold: what is not printed yet is merged by the engine.
TEST(InotifywaitProgram, LosesNothingWhileItsOutputIsNotRead) {
  constexpr int kFiles = 10'000;
  const TempDirectory home;
  Words words = watching(home.path());
  words.insert(words.end() - 1, {"-e", "create"});
  const Program program(words);
  program.await_watches();
  std::set<std::string> expected;
  for (int i = 0; i < kFiles; ++i) {
    const std::string name = std::string(60, 'x') + std::to_string(i);
    home.write(name);
    expected.insert(fields(home.path() + "/", "CREATE", name));
  }
  while (!expected.empty()) {
    const std::string line = program.line();
    ASSERT_EQ(expected.erase(line), 1) << line;
  }
}

TEST(InotifywaitProgram, NamesAnArgumentThatItDoesNotTake) {
  Program program({LOOKOUT_PORT, "inotifywait", "-m", "--csv", "/tmp"});
  EXPECT_NE(program.error_line().find("got --csv"), std::string::npos);
  EXPECT_EQ(program.wait(), 1);
}

TEST(InotifywaitProgram, NamesADirectoryThatItCannotRead) {
  const TempDirectory home;
  home.directory("locked");
  home.set_mode("locked", 0);
  const Unprivileged user;
  if (!Unprivileged::reaches(LOOKOUT_PORT) || !Unprivileged::reaches(home.path())) {
    GTEST_SKIP() << "not for a user without privileges";
  }
  const Program program(watching(home.path()));
  EXPECT_NE(program.error_line().find("/locked: cannot be read (eacces)"), std::string::npos);
}

}  // namespace
}  // namespace lookout::inotifywait
