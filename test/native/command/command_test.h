// A command under test, its loop, and everything that it told.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "command/command.h"
#include "command/process_tree.h"

namespace lookout {

constexpr std::uint64_t kPlenty = 1ULL << 40U;
constexpr std::chrono::seconds kLongTime{60};  // a test that waits so long has failed

inline bool is_gone(pid_t pid) {
  return ::kill(pid, 0) != 0 && errno == ESRCH;
}

// For what happens outside of the loop.
inline bool eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + kLongTime;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

// Reaps the children of this process until none is left. False if one does not end.
inline bool reap_all() {
  return eventually([] {
    while (reap_one().pid != 0) {
    }
    return reap_one().none_left;
  });
}

class RecordingListener : public CommandListener {
 public:
  void on_output(OutputStreamName stream, std::string_view bytes) override {
    (stream == OutputStreamName::output ? output : errors) += bytes;
    largest = std::max(largest, bytes.size());
    if (at_output) at_output();
  }
  void on_input_taken(std::size_t bytes) override { taken += bytes; }
  void on_input_broken() override { broken = true; }
  void on_exit(const CommandEnd& end) override {
    status = end.status;
    killed = end.killed;
    if (at_exit) at_exit();
  }
  bool has_room() const override { return room; }

  std::string output;
  std::string errors;
  std::size_t largest = 0;
  std::size_t taken = 0;
  bool broken = false;
  bool room = true;
  std::optional<ExitStatus> status;
  bool killed = false;
  std::function<void()> at_output;
  std::function<void()> at_exit;
};

class CommandTest : public ::testing::Test {
 protected:
  CommandTest() { std::signal(SIGPIPE, SIG_IGN); }  // as the program does

  // A guardian that is left would be one of the guardians of the next test.
  ~CommandTest() override { command.end_and_wait(kLongTime); }

  static LaunchSpec actor(std::vector<std::string> steps) {
    LaunchSpec spec;
    spec.argv = {LOOKOUT_ACTOR};
    spec.argv.insert(spec.argv.end(), steps.begin(), steps.end());
    return spec;
  }
  static LaunchSpec shell(const std::string& line) {
    LaunchSpec spec;
    spec.argv = {"/bin/sh", "-c", line};
    return spec;
  }

  bool run_until(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + kLongTime;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return false;
      io.restart();  // it stops where nothing is under way
      io.run_one_for(std::chrono::milliseconds(100));
    }
    return true;
  }

  // The process id, or the error.
  Result<std::uint64_t> spawn(const LaunchSpec& spec) {
    std::optional<Result<std::uint64_t>> answer;
    command.spawn(spec, [&](Result<std::uint64_t> result) { answer = std::move(result); });
    EXPECT_TRUE(run_until([&] { return answer.has_value(); }));
    return *answer;
  }

  Result<Done> signal(int number) {
    std::optional<Result<Done>> answer;
    command.signal(number, [&](Result<Done> result) { answer = std::move(result); });
    EXPECT_TRUE(run_until([&] { return answer.has_value(); }));
    return *answer;
  }

  // The answer comes when nothing is left, or with the reason why something is.
  void stop(std::chrono::milliseconds grace) {
    command.stop(grace, [this](Result<Done> result) { stopped = std::move(result); });
  }
  Result<Done> stop_outcome() {
    EXPECT_TRUE(run_until([&] { return stopped.has_value(); }));
    return stopped.value_or(Error{"no_answer", "stop", "", ""});
  }

  // Spawned with plenty of credit.
  pid_t start(const LaunchSpec& spec) {
    const Result<std::uint64_t> answer = spawn(spec);
    if (const auto* error = std::get_if<Error>(&answer)) {
      ADD_FAILURE() << error->reason << ": " << error->detail;
      return -1;
    }
    command.grant(OutputStreamName::output, kPlenty);
    command.grant(OutputStreamName::errors, kPlenty);
    return static_cast<pid_t>(std::get<std::uint64_t>(answer));
  }

  ExitStatus exit_status() {
    EXPECT_TRUE(run_until([&] { return listener.status.has_value(); }));
    return listener.status.value_or(ExitStatus{-1, -1});
  }

  // To its end.
  ExitStatus run(const LaunchSpec& spec) {
    start(spec);
    return exit_status();
  }

  std::string refusal(const LaunchSpec& spec) {
    const Result<std::uint64_t> answer = spawn(spec);
    const auto* error = std::get_if<Error>(&answer);
    return error == nullptr ? "started" : error->reason + " " + error->operation;
  }

  // The first line of output as a number.
  pid_t told_pid() {
    EXPECT_TRUE(run_until([&] { return listener.output.find('\n') != std::string::npos; }));
    return static_cast<pid_t>(std::stoi(listener.output));
  }

  // Of a command of this process; -1 where there is none. Until the helper that launched a command
  // has ended, that is the parent of the command, and the guardian the parent of that.
  static pid_t guardian_of(pid_t command) {
    pid_t guardian = -1;
    eventually([&] {
      guardian = command;
      pid_t parent = parent_of(guardian);
      while (parent > 1 && parent != ::getpid()) {
        guardian = parent;
        parent = parent_of(guardian);
      }
      if (parent != ::getpid()) guardian = -1;
      return guardian != -1 || parent_of(command) == -1;
    });
    return guardian;
  }

  static pid_t parent_of(pid_t pid) {
    std::string line;
    std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/stat"), line);
    const auto stat = parse_process_stat(line);
    return stat ? stat->parent : -1;
  }

  boost::asio::io_context io{1};
  RecordingListener listener;
  Command command{io, listener};
  std::optional<Result<Done>> stopped;
};

}  // namespace lookout
