// The program itself: started as a port is, with pipes on its standard streams.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bridge/etf_builder.h"
#include "bridge/pipe.h"

namespace lookout {

inline std::string hello() {
  using namespace etf_builder;
  return framed(term(tuple({atom("hello"), integer(1), binary(LOOKOUT_VERSION)})));
}

// A running lookout_port; what it says on standard error is thrown away unless `errors` is used.
class Program {
 public:
  struct Setup {
    std::vector<std::string> arguments;
    int input = -1;         // a descriptor instead of the pipe
    rlim_t open_files = 0;  // a limit of descriptors; 0 leaves it as it is
  };

  explicit Program(const Setup& setup) : pid_(::fork()) {
    if (pid_ == 0) run(setup);
    to_.reading.reset();
    from_.writing.reset();
    errors_.writing.reset();
  }
  Program() : Program(Setup{}) {}
  ~Program() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    wait();
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  void say(const std::string& bytes) const {
    EXPECT_EQ(::write(to_.writing.get(), bytes.data(), bytes.size()),
              static_cast<ssize_t>(bytes.size()));
  }
  // As much as it takes before it ends; SIGPIPE is ignored.
  void offer(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t written = ::write(to_.writing.get(), bytes.data(), bytes.size());
      if (written < 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  void close_input() { to_.writing.reset(); }
  void close_output() { from_.reading.reset(); }

  // Exactly so many bytes of its output, or fewer where that ends.
  std::string hear(std::size_t size) const { return read(from_.reading.get(), size); }
  std::string hear_all() const { return read(from_.reading.get(), SIZE_MAX); }
  std::string errors() const { return read(errors_.reading.get(), SIZE_MAX); }

  // Its exit status; 128 and the signal where one ended it.
  int wait() {
    int status = 0;
    EXPECT_GT(::waitpid(std::exchange(pid_, -1), &status, 0), 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  pid_t pid() const { return pid_; }

 private:
  [[noreturn]] void run(const Setup& setup) const {
    ::dup2(setup.input >= 0 ? setup.input : to_.reading.get(), STDIN_FILENO);
    ::dup2(from_.writing.get(), STDOUT_FILENO);
    ::dup2(errors_.writing.get(), STDERR_FILENO);
    std::vector<std::string> words{LOOKOUT_PORT};
    words.insert(words.end(), setup.arguments.begin(), setup.arguments.end());
    std::vector<char*> argv;
    argv.reserve(words.size() + 1);
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    if (setup.open_files > 0) {
      const rlimit limit{setup.open_files, setup.open_files};
      ::setrlimit(RLIMIT_NOFILE, &limit);
    }
    ::execv(LOOKOUT_PORT, argv.data());
    std::_Exit(127);
  }

  static std::string read(int fd, std::size_t size) {
    std::string all;
    std::array<char, 4096> part{};
    while (all.size() < size) {
      const ssize_t got = ::read(fd, part.data(), std::min(part.size(), size - all.size()));
      if (got <= 0) break;
      all.append(part.data(), static_cast<std::size_t>(got));
    }
    return all;
  }

  Pipe to_;
  Pipe from_;
  Pipe errors_;
  pid_t pid_;
};

}  // namespace lookout
