// A command: launched, streamed and ended, all from one loop and without waiting.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "command/guard_link.h"
#include "command/guardian.h"
#include "command/input_stream.h"
#include "command/launch_spec.h"
#include "command/output_stream.h"
#include "support/error.h"

namespace lookout {

// What a command tells unasked. Called from the loop.
class CommandListener {
 public:
  virtual ~CommandListener() = default;
  virtual void on_output(OutputStreamName stream, std::string_view bytes) = 0;
  // So many bytes of the input have been taken by the command.
  virtual void on_input_taken(std::size_t bytes) = 0;
  // The command has closed its input, or ended: what waited for it is dropped.
  virtual void on_input_broken() = 0;
  // The last word: the output has ended, and no process of the command is left.
  virtual void on_exit(const ExitStatus& status) = 0;
  // False while so much waits to be sent that reading should pause until resume().
  virtual bool has_room() const = 0;
};

// One at a time. Its process is the child of a guardian (guardian.h), which this starts with it.
class Command {
 public:
  using SpawnHandler = std::function<void(Result<std::uint64_t>)>;  // the process id

  Command(boost::asio::io_context& io, CommandListener& listener);
  ~Command();
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  // `done` is called when the program runs, or with the reason why it does not (launch_error.h);
  // then another may be tried. `already_running` where there is one. After `done` with a process
  // id, on_exit() comes.
  void spawn(const LaunchSpec& spec, SpawnHandler done);

  // At most kInputWindow bytes may wait: `overrun`. `closed` after close_input() and where the
  // command has no input, `epipe` where it does not read any more, `not_running`.
  Result<Done> write(std::string_view bytes);
  Result<Done> close_input();

  // To the process group of the command; `not_running` once it has exited.
  Result<Done> signal(int number);
  // SIGTERM to the group, and after the grace SIGKILL to whatever is left of the tree. No matter if
  // the command has exited meanwhile; `not_running` where nothing is left at all.
  Result<Done> stop(std::chrono::milliseconds grace);
  Result<Done> resize(WindowSize size);  // `no_terminal` where it has none

  void grant(OutputStreamName stream, std::uint64_t bytes);
  void resume();

  // Ends everything at once, waiting for it at most so long. For the end of this program: nothing
  // is told any more.
  void end_and_wait(std::chrono::milliseconds patience);

 private:
  struct Running;

  std::optional<Error> start(const LaunchSpec& spec);
  void watch_link();
  void watch_guardian();
  void on_report(const Report& report);
  void on_guardian_end();
  void sweep();
  void on_tree_gone();
  void fail();
  void on_stream_end();
  void finish_if_over();
  bool send(Order order);

  boost::asio::io_context& io_;
  CommandListener& listener_;
  std::unique_ptr<Running> running_;
};

}  // namespace lookout
