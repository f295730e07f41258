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
#include "command/usage.h"
#include "support/error.h"

namespace lookout {

// How a command and its tree ended.
struct CommandEnd {
  ExitStatus status;
  bool killed = false;  // a process of the tree was left after the grace, and got SIGKILL
};

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
  virtual void on_exit(const CommandEnd& end) = 0;
  // False while so much waits to be sent that reading should pause until resume().
  virtual bool has_room() const = 0;
};

// One at a time. Its process is the child of a guardian (guardian.h), which this starts with it.
// While an answer of the guardian is awaited it is checked ten times a second: one that a process
// of the tree has stopped or moved to another cgroup, that has not ended 2 s after the grace of
// stop(), or that has not reported the outcome of the launch within its timeout, is killed with the
// tree.
class Command {
 public:
  using SpawnHandler = std::function<void(Result<std::uint64_t>)>;  // the process id
  using DoneHandler = std::function<void(Result<Done>)>;

  Command(boost::asio::io_context& io, CommandListener& listener);
  ~Command();
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  // `done` is called when the program runs, or with the reason why it does not (launch_error.h);
  // then another may be tried. `already_running` where there is one. After `done` with a process
  // id, on_exit() comes. `etimedout` where the launch has no outcome within its timeout: its
  // processes are killed, and where they have not ended 3 s later `already_running` until they
  // have.
  void spawn(const LaunchSpec& spec, SpawnHandler done);

  // At most kInputWindow bytes may wait: `overrun`. `closed` after close_input() and where the
  // command has no input, `epipe` where it does not read any more, `not_running`.
  Result<Done> write(std::string_view bytes);
  Result<Done> close_input();

  // To the process group of the command; with a terminal SIGINT, SIGQUIT and SIGTSTP, which its
  // keys send, to its foreground process group. `done` is called when it is sent, or with the
  // reason why it is not: `not_running` once the command has exited, else an errno of kill(2).
  void signal(int number, DoneHandler done);
  // The stop signal to every process of the tree, and after the grace SIGKILL to whatever is left
  // of it. The tree has the whole grace also when the command itself exits earlier. `done` is
  // called when nothing is left, or with the reason why something is a second after SIGKILL:
  // `eperm` where a process may not be signalled, `etimedout` (three seconds) where one is stuck in
  // the kernel; then on_exit() comes when that has ended. `not_running` where nothing is left at
  // all.
  void stop(std::chrono::milliseconds grace, DoneHandler done);
  Result<Done> resize(WindowSize size);  // `no_terminal` where it has none

  // What its processes have used until now; `not_running` where none of them is left.
  Result<CommandStats> stats() const;

  void grant(OutputStreamName stream, std::uint64_t bytes);
  void resume();

  // Stops everything with the grace of the launch, waiting for it at most that and `timeout`. For
  // the end of lookout_port: nothing is reported any more.
  void end_and_wait(std::chrono::milliseconds timeout);

 private:
  struct Running;

  std::optional<Error> start(const LaunchSpec& spec);
  bool runs(pid_t id) const;
  void watch_link();
  void watch_guardian();
  void oversee();
  void oversee(pid_t id);
  void on_report(const Report& report);
  void answer_spawn(const Result<std::uint64_t>& outcome);
  void on_signalled(const Result<Done>& outcome);
  void answer_stops(const Result<Done>& outcome);
  void leave();
  void on_guardian_end();
  void sweep();
  void on_tree_gone();
  void fail();
  void on_stream_end();
  void finish_if_over();
  // Both false, with errno, where the guardian cannot be reached.
  bool send(Order order);
  bool send_orders();
  void end_link();

  boost::asio::io_context& io_;
  CommandListener& listener_;
  std::unique_ptr<Running> running_;
};

}  // namespace lookout
