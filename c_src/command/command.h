// Launches, streams and ends a command. Everything runs in one event loop and without blocking it;
// only end_and_wait() blocks. ProcessCommanding and Fswatch own one each and call it.
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
#include "support/lifetime.h"

namespace lookout {

// How a command and its tree ended.
struct CommandEnd {
  ExitStatus status;
  bool killed = false;  // a process was left after the grace period and got SIGKILL
};

// Receives the events of a command. The methods are called from the loop; on_output() also within
// Command::grant() and Command::resume().
class CommandListener {
 public:
  virtual ~CommandListener() = default;
  virtual void on_output(OutputStreamName stream, std::string_view bytes) = 0;
  // The command has taken this many bytes of its input.
  virtual void on_input_taken(std::size_t bytes) = 0;
  // The command has closed its input or has exited. Bytes that waited for it are dropped.
  virtual void on_input_broken() = 0;
  // The final event: the output has ended, and no process of the command is left.
  virtual void on_exit(const CommandEnd& end) = 0;
  // Returns false while too many bytes wait to be sent: reading should pause until resume().
  virtual bool has_room() const = 0;
};

// Runs one command at a time. The process of the command is the child of a guardian (guardian.h),
// which spawn() starts. While an answer of the guardian is outstanding, the guardian is checked ten
// times a second. It is killed, together with the tree, if a process of the tree has stopped it or
// moved it to another cgroup, if it is still alive 2 s after the grace period of stop() (30 s if it
// only removes cgroups), or if it has not reported the outcome of the launch within the launch
// timeout.
class Command {
 public:
  // Handlers are called from the loop, or within the call that they were passed to, when the
  // outcome is known at once (docs/design.md, "Handlers").
  using SpawnHandler = std::function<void(Result<std::uint64_t>)>;  // the process id
  using DoneHandler = std::function<void(Result<Done>)>;

  Command(boost::asio::io_context& io, CommandListener& listener);
  ~Command();
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  // Calls `done` when the program runs, or with the reason why it does not (launch_error.h). After
  // a process id, on_exit() follows; after an error the caller may spawn another command. Errors:
  // `already_running` if there is a command; `etimedout` if the launch has no outcome within its
  // timeout. On a timeout the processes of the launch are killed; if some are still alive 3 s
  // later, `done` is called anyway, and spawn() returns `already_running` until they have ended.
  void spawn(const LaunchSpec& spec, SpawnHandler done);

  // Queues bytes for the input. Errors: `overrun` if more than kInputWindow bytes would wait,
  // `closed` after close_input() or if the command has no input, `epipe` if the command does not
  // read any more, `not_running`.
  Result<Done> write(std::string_view bytes);
  Result<Done> close_input();

  // Sends a signal to the process group of the command. If the command has a terminal, SIGINT,
  // SIGQUIT and SIGTSTP, the signals of its keys, go to the foreground process group of the
  // terminal. `done` is called when the signal is sent, or with the reason why it is not:
  // `not_running` once the command has exited, else an errno of kill(2).
  void signal(int number, DoneHandler done);
  // Sends the stop signal to every process of the tree, and SIGKILL to the remaining processes
  // after the grace period. The tree has the whole grace period even if the command itself exits
  // earlier. `done` is called when no process is left, or with the reason why one is left after
  // SIGKILL: `eperm` after one second if a process may not be signalled; after three seconds
  // `etimedout` if a process is stuck in the kernel or cgroups are still being removed, or an errno
  // if the processes cannot be listed. on_exit() then follows when everything has ended. The result
  // is `not_running` if nothing is left from the start.
  void stop(std::chrono::milliseconds grace, DoneHandler done);
  Result<Done> resize(WindowSize size);  // `no_terminal` if the command has none

  // Returns what the processes of the command have used so far; `not_running` if none is left.
  Result<CommandStats> stats() const;

  void grant(OutputStreamName stream, std::uint64_t bytes);
  void resume();

  // Stops everything with the grace period of the launch, and blocks for at most that period plus
  // `timeout`. For the shutdown of lookout_port: the listener gets no further events.
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
  // Both return false, with errno, if the guardian cannot be reached.
  bool send(Order order);
  bool send_orders();
  void end_link();

  boost::asio::io_context& io_;
  CommandListener& listener_;
  std::unique_ptr<Running> running_;
  Lifetime lifetime_;
};

}  // namespace lookout
