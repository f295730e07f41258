#include "oracle/writers.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/read_until.hpp>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <functional>
#include <istream>
#include <system_error>
#include <utility>

namespace lookout::oracle {
namespace {

[[noreturn]] void run_child(const MutatorOptions& options, int input, int output) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::dup2(input, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  ::close_range(3, ~0u, 0);
  int status = 2;
  try {
    status = run_mutator(options, STDIN_FILENO, STDOUT_FILENO) < 0 ? 2 : 0;
  } catch (const std::exception& error) {
    // The judge sees the end of the output before "done".
    std::fprintf(stderr, "mutator: %s\n", error.what());
  }
  ::_exit(status);
}

}  // namespace

Writer::Writer(boost::asio::io_context& io, const MutatorOptions& options,
               std::function<void(bool)> pause)
    : pause_(std::move(pause)), output_(io) {
  int to_child[2];
  int from_child[2];
  if (::pipe2(to_child, O_CLOEXEC) < 0 || ::pipe2(from_child, O_CLOEXEC) < 0)
    throw std::system_error(errno, std::generic_category(), "pipe");
  pid_ = ::fork();
  if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid_ == 0) run_child(options, to_child[0], from_child[1]);
  ::close(to_child[0]);
  ::close(from_child[1]);
  input_ = to_child[1];
  output_.assign(from_child[0]);
  read();
}

Writer::~Writer() {
  ::close(input_);
  if (pid_ < 0) return;
  if (state_ != State::done) ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void Writer::fail() {
  if (state_ == State::failed) return;
  state_ = State::failed;
  ::kill(pid_, SIGKILL);  // where it still runs
  ::waitpid(std::exchange(pid_, -1), &status_, 0);
}

void Writer::say_go() {
  if (::write(input_, "go\n", 3) != 3) fail();
}

void Writer::go() {
  if (state_ == State::ready || state_ == State::resting) {
    state_ = State::running;
    say_go();
  }
}

void Writer::read() {
  boost::asio::async_read_until(output_, buffer_, '\n',
                                [this](const boost::system::error_code& error, std::size_t) {
                                  if (error == boost::asio::error::operation_aborted) return;
                                  if (error) {
                                    if (state_ != State::done) fail();
                                    return;
                                  }
                                  std::string line;
                                  std::istream stream(&buffer_);
                                  std::getline(stream, line);
                                  take(line);
                                  read();
                                });
}

void Writer::take(const std::string& line) {
  if (line == "ready") state_ = State::ready;
  if (line == "rest") state_ = State::resting;
  if (line == "done") state_ = State::done;
  if (line != "stall") return;
  // The whole loop waits here, and an engine on it with the loop: as if it had been stopped.
  ++stalls_;
  pause_(true);
  say_go();
  if (read_line_blocking() != "resume") fail();
  pause_(false);
}

std::string Writer::read_line_blocking() {
  output_.non_blocking(false);
  std::string line;
  std::istream stream(&buffer_);
  boost::system::error_code error;
  boost::asio::read_until(output_, buffer_, '\n', error);
  if (!error) std::getline(stream, line);
  return line;
}

}  // namespace lookout::oracle
