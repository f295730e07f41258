// lookout_port: arguments, wiring, exit code.
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <initializer_list>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "bridge/announcer.h"
#include "bridge/engine_watching.h"
#include "bridge/outbox.h"
#include "bridge/port_transport.h"
#include "bridge/process_commanding.h"
#include "bridge/session.h"
#include "bridge/standard_streams.h"
#include "inotifywait/inotifywait.h"
#include "node/serve.h"

namespace {

using namespace lookout;

constexpr int kUsageError = 2;
constexpr int kPipeSize = 256 * 1024;

// How long shutdown waits for the command beyond its grace period. After that the guardian
// continues on its own.
constexpr std::chrono::milliseconds kShutdownTimeout{1000};

constexpr std::string_view kAbout =
    "lookout_port watches directories and runs commands for an Erlang or Elixir program, which\n"
    "starts it as a port (Port.open with packet: 4) and speaks Erlang terms with it on standard\n"
    "input and output.\n"
    "It is not for a terminal: use Lookout from Elixir, or bin/watch DIR in Lookout's sources.\n";

constexpr std::string_view kUsage =
    "\n"
    "Usage: lookout_port             speak the protocol of docs/protocol.md\n"
    "       lookout_port --help      say this\n"
    "       lookout_port --version   say the version of the program and of the protocol\n"
    "       lookout_port --until-unread\n"
    "                                wait until nobody reads standard output, a pipe, or standard\n"
    "                                input is at its end\n"
    "       lookout_port inotifywait ARGUMENT...\n"
    "                                watch as inotifywait; `lookout_port inotifywait --help`\n";

// Avoids iostreams, whose setup would cost time at every start; a process is started per command.
void say(std::FILE* where, std::initializer_list<std::string_view> words) {
  for (const std::string_view word : words) std::fwrite(word.data(), 1, word.size(), where);
}

int exit_status(StreamEnd end) {
  if (end == StreamEnd::stalled) {
    say(stderr, {"lookout_port: the output is not read; too much of it waits\n"});
  }
  if (end == StreamEnd::failed) say(stderr, {"lookout_port: the output cannot be written\n"});
  return end == StreamEnd::closed ? EXIT_SUCCESS : EXIT_FAILURE;
}

// May run in any thread, so it neither frees nor acquires anything. The guardians of commands and
// the owner of the port detect the end by their pipes.
[[noreturn]] void on_no_memory() {
  constexpr std::string_view kMessage = "lookout_port: out of memory\n";
  // If the write fails, nothing can be done.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, kMessage.data(), kMessage.size());
  std::_Exit(EXIT_FAILURE);
}

// Serves requests until the stream ends.
int serve(StandardStreams streams) {
  int status = EXIT_SUCCESS;
  boost::asio::io_context io(1);
  PortTransport transport(io, std::move(streams.input), std::move(streams.output),
                          [&](StreamEnd end) {
                            status = exit_status(end);
                            io.stop();
                          });
  Outbox outbox(transport);
  outbox.send(Hello{LOOKOUT_VERSION});
  Announcer announcer(outbox);
  EngineWatching watching(io, announcer);
  ProcessCommanding commanding(io, outbox);
  Session session(watching, commanding, outbox);
  transport.start(session);
  io.run();
  commanding.end_and_wait(kShutdownTimeout);
  // _Exit() skips the destructors, which would wait for a thread that is stuck.
  if (watching.is_stuck()) std::_Exit(status);
  return status;
}

// Writes nothing: poll(2) always reports POLLERR for a pipe without a reader.
int wait_until_unread() {
  std::array<pollfd, 2> streams{{{STDIN_FILENO, POLLIN, 0}, {STDOUT_FILENO, 0, 0}}};
  while (::poll(streams.data(), streams.size(), -1) < 0 && errno == EINTR) continue;
  return streams[1].revents != 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int run_with(std::string_view argument) {
  if (argument == "--until-unread") return wait_until_unread();
  if (argument == "--help") {
    say(stdout, {kAbout, kUsage, kNodeUsage});
    return EXIT_SUCCESS;
  }
  if (argument == "--version") {
    say(stdout,
        {"lookout_port " LOOKOUT_VERSION " (protocol ", std::to_string(kProtocolVersion), ")\n"});
    return EXIT_SUCCESS;
  }
  say(stderr, {"lookout_port: unknown argument ", argument, "\n", kUsage});
  return kUsageError;
}

// Command output arrives in frames slightly larger than 64 KiB, the default size of a pipe, so each
// frame would take two rounds of writing and reading. If the user has reached the limit of pipe
// memory (pipe(7)), the pipe keeps its size.
void widen(const UniqueFd& pipe) {
  ::fcntl(pipe.get(), F_SETPIPE_SZ, kPipeSize);
}

// A service manager or a terminal sends these signals to every process of a service or a job. The
// VM ends lookout_port by closing its input, so that the command gets its grace period.
void ignore_requests_to_end() {
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGQUIT}) std::signal(number, SIG_IGN);
}

int run() {
  if (::isatty(STDIN_FILENO) == 1 || ::isatty(STDOUT_FILENO) == 1) {
    say(stderr, {kAbout, kUsage});
    return kUsageError;
  }
  auto taken = take_standard_streams();
  if (const auto* error = std::get_if<Error>(&taken)) {
    say(stderr, {"lookout_port: ", error->path, ": ", error->detail, "\n"});
    return kUsageError;
  }
  ignore_requests_to_end();
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGIO, SIG_IGN);  // writers_of() may cause one
  // Do not keep the start directory in use.
  if (::chdir("/") != 0) say(stderr, {"lookout_port: cannot change to /\n"});
  auto streams = std::get<StandardStreams>(std::move(taken));
  widen(streams.input);
  widen(streams.output);
  return serve(std::move(streams));
}

}  // namespace

int main(int argc, char** argv) {
  std::set_new_handler(on_no_memory);
  try {
    if (argc > 1 && argv[1] == std::string_view("inotifywait")) {
      return inotifywait::run({argv + 2, argv + argc});
    }
    if (argc > 1 && argv[1] == std::string_view("--node")) {
      return serve_node({argv + 1, argv + argc});
    }
    if (argc > 2) {
      say(stderr, {"lookout_port: at most one argument is taken\n", kUsage});
      return kUsageError;
    }
    return argc == 2 ? run_with(argv[1]) : run();
  } catch (const std::exception& error) {
    say(stderr, {"lookout_port: ", error.what(), "\n"});
    return EXIT_FAILURE;
  }
}
