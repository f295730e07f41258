// lookout_port: arguments, wiring, exit code.
#include <fcntl.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "bridge/announcer.h"
#include "bridge/engine_watching.h"
#include "bridge/outbox.h"
#include "bridge/port_transport.h"
#include "bridge/process_commanding.h"
#include "bridge/session.h"
#include "bridge/standard_streams.h"

namespace {

using namespace lookout;

constexpr int kUsageError = 2;
constexpr int kPipeSize = 256 * 1024;

// How long the end of a command is waited for at the end of this program. Its guardian does the
// work, and goes on where this is not enough.
constexpr std::chrono::milliseconds kPatience{1000};

constexpr std::string_view kAbout =
    "lookout_port watches directories and runs commands for an Erlang or Elixir program, which\n"
    "starts it as a port (Port.open with packet: 4) and speaks Erlang terms with it on standard\n"
    "input and output.\n"
    "It is not for a terminal: use Lookout from Elixir, or bin/watch DIR in Lookout's sources.\n";

constexpr std::string_view kUsage =
    "\n"
    "Usage: lookout_port             speak the protocol of docs/protocol.md\n"
    "       lookout_port --help      say this\n"
    "       lookout_port --version   say the version of the program and of the protocol\n";

// Not by iostreams: they would be set up at every start, and a program is started for each command.
void say(std::FILE* where, std::initializer_list<std::string_view> words) {
  for (const std::string_view word : words) std::fwrite(word.data(), 1, word.size(), where);
}

int exit_status(StreamEnd end) {
  if (end == StreamEnd::stalled) {
    say(stderr, {"lookout_port: the output is not read; too much of it waits\n"});
  }
  return end == StreamEnd::closed ? EXIT_SUCCESS : EXIT_FAILURE;
}

// Serves until the stream is over.
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
  commanding.end_and_wait(kPatience);
  // No thread is waited for, by whatever else would be done at the end.
  if (watching.is_stuck()) std::_Exit(status);
  return status;
}

int run_with(std::string_view argument) {
  if (argument == "--help") {
    say(stdout, {kAbout, kUsage});
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

// The bytes of a command come in frames of a little more than the 64 KiB that a pipe holds: each
// would take two turns of both sides. Where the user's share of pipe memory is used up (pipe(7))
// the pipe stays as it is.
void widen(const UniqueFd& pipe) {
  ::fcntl(pipe.get(), F_SETPIPE_SZ, kPipeSize);
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
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGIO, SIG_IGN);  // writers_of() may have it sent
  // No directory stays in use only because the program was started in it.
  if (::chdir("/") != 0) say(stderr, {"lookout_port: cannot change to /\n"});
  auto streams = std::get<StandardStreams>(std::move(taken));
  widen(streams.input);
  widen(streams.output);
  return serve(std::move(streams));
}

}  // namespace

int main(int argc, char** argv) {
  try {
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
