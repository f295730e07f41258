#include "command/command.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>
#include <thread>
#include <utility>
#include <variant>

#include "command/launch_error.h"
#include "command/running_command.h"

namespace lookout {
namespace {

Error not_running(const char* operation) {
  return {"not_running", operation, "", "the command has exited, or was never started"};
}

Result<Done> signal_outcome(int code) {
  if (code == 0) return Done{};
  if (code == ESRCH || code == EPIPE || code == ECONNRESET) return not_running("signal");
  std::string detail = ::strerrordesc_np(code);
  if (code == EPERM) detail += "; the command runs as another user now";
  return Error{errno_name(code), "signal", "", std::move(detail)};
}

}  // namespace

Command::Command(boost::asio::io_context& io, CommandListener& listener)
    : io_(io), listener_(listener) {}

Command::~Command() = default;

void Command::spawn(const LaunchSpec& spec, SpawnHandler done) {
  if (running_) {
    return done(Error{"already_running", "spawn", "",
                      "one command at a time: this one has not been told to have exited"});
  }
  if (auto error = start(spec)) return done(std::move(*error));
  running_->spawned = std::move(done);
  watch_link();
  watch_guardian();
  oversee();
}

std::optional<Error> Command::start(const LaunchSpec& spec) {
  Result<Preparation> prepared = prepare_launch(spec);
  if (auto* error = std::get_if<Error>(&prepared)) return std::move(*error);
  auto& preparation = std::get<Preparation>(prepared);
  auto started = start_guardian(preparation.plan, spec);
  if (const auto* failure = std::get_if<LaunchFailure>(&started)) {
    return launch_error(*failure, spec.argv.front());
  }
  const auto output_handlers = [this](OutputStreamName name) {
    return OutputStream::Handlers{
        [this, name](std::string_view bytes) { listener_.on_output(name, bytes); },
        [this] { on_stream_end(); }, [this] { return listener_.has_room(); }};
  };
  InputStream::Handlers input_handlers{[this](std::size_t n) { listener_.on_input_taken(n); },
                                       [this] {
                                         running_->input_broken = true;
                                         listener_.on_input_broken();
                                       }};
  const bool has_input = static_cast<bool>(preparation.input);
  const pid_t guardian = std::get<Guardian>(started).pid;
  try {
    running_ = std::make_unique<Running>(io_, std::get<Guardian>(std::move(started)), preparation,
                                         output_handlers(OutputStreamName::output),
                                         output_handlers(OutputStreamName::errors),
                                         std::move(input_handlers));
  } catch (const boost::system::system_error& error) {
    // The link is closed, so the guardian ends with everything that it has started.
    await_known_child(guardian);
    return launch_error({LaunchStep::guard, error.code().value()}, spec.argv.front());
  }
  running_->program = spec.argv.front();
  running_->grace = spec.grace;
  running_->lingers = spec.linger.has_value();
  running_->launch_timeout = spec.launch_timeout;
  running_->directory = spec.directory;
  running_->had_input = has_input;
  return std::nullopt;
}

// Returns whether this run is still the current one: pending handlers may be called after its end.
bool Command::runs(pid_t id) const {
  return running_ && running_->id == id;
}

void Command::watch_link() {
  running_->link.async_wait(
      stream_descriptor::wait_read, lifetime_.guard([this, id = running_->id](const auto& error) {
        if (error || !runs(id)) return;
        while (const auto report = receive_report(running_->link.native_handle()))
          on_report(*report);
        // After end of file on the link the guardian ends soon.
        if (errno != 0) watch_link();
      }));
}

void Command::watch_guardian() {
  running_->process.async_wait(stream_descriptor::wait_read,
                               lifetime_.guard([this](const auto& error) {
                                 if (!error) on_guardian_end();
                               }));
}

void Command::oversee() {
  if (std::exchange(running_->overseen, true)) return;
  oversee(running_->id);
}

void Command::oversee(pid_t id) {
  running_->oversee_timer.expires_after(kOverseePause);
  running_->oversee_timer.async_wait(lifetime_.guard([this, id](const auto& error) {
    if (error || !runs(id)) return;
    if (auto failure = running_->stop_failure()) answer_stops(*failure);
    // Its processes cannot be killed; on_tree_gone() follows when they have ended.
    if (running_->launch_is_late(kSweepTimeout)) answer_spawn(running_->launch_failure());
    running_->overseen = running_->awaits_end_or_answer();
    if (!running_->overseen) return;
    if (running_->guardian_fails()) running_->kill_guardian();
    oversee(id);
  }));
}

void Command::on_report(const Report& report) {
  switch (report.kind) {
    case Report::Kind::started:
      if (!running_->spawned) return;  // the launch has already failed
      running_->command = report.value;
      return answer_spawn(static_cast<std::uint64_t>(report.value));
    case Report::Kind::failed:
      running_->failure = launch_error({static_cast<LaunchStep>(report.value), report.detail},
                                       running_->about(report.value));
      return;
    case Report::Kind::exited:
      running_->status = ExitStatus{report.value, 0};
      return leave();
    case Report::Kind::signaled:
      running_->status = ExitStatus{0, report.value};
      return leave();
    case Report::Kind::killed:
      running_->killed = true;
      return;
    case Report::Kind::answered:
      return on_signalled(signal_outcome(report.value));
  }
}

void Command::answer_spawn(const Result<std::uint64_t>& outcome) {
  std::exchange(running_->spawned, nullptr)(outcome);
}

void Command::on_signalled(const Result<Done>& outcome) {
  const DoneHandler done = std::move(running_->signals.front());
  running_->signals.pop_front();
  done(outcome);
}

void Command::answer_stops(const Result<Done>& outcome) {
  for (const DoneHandler& done : std::exchange(running_->stops, {})) done(outcome);
}

// lookout_port gives up being a subreaper first, so that processes that the command leaves behind
// become children of the init process; as children of lookout_port they would be killed. If the
// guardian already has an order to stop, that order wins.
void Command::leave() {
  if (running_->lingers || running_->killed_at) return;
  resign_as_subreaper();
  send({Order::Kind::leave});
}

// The guardian exits after its whole tree, unless it was killed. Then lookout_port has become the
// parent of the remaining processes, and sweep() ends them.
void Command::on_guardian_end() {
  while (const auto report = receive_report(running_->link.native_handle())) on_report(*report);
  while (!running_->signals.empty()) on_signalled(not_running("signal"));
  if (running_->end_guardian()) return on_tree_gone();
  sweep();
}

void Command::sweep() {
  if (running_->sweep()) return on_tree_gone();
  running_->sweep_timer.expires_after(running_->sweep_pause);
  running_->sweep_pause = std::min(running_->sweep_pause * 2, kLongestSweepPause);
  running_->sweep_timer.async_wait(lifetime_.guard([this](const auto& error) {
    if (!error) sweep();
  }));
}

void Command::on_tree_gone() {
  running_->tree_gone = true;
  running_->input.drop();
  if (running_->command == 0) return fail();
  answer_stops(Done{});
  running_->output.no_writer_left();
  running_->errors.no_writer_left();
  finish_if_over();
}

// Reset running_ before the call: no guardian is left that could be in the way of another command.
void Command::fail() {
  answer_stops(Done{});
  const auto failed = std::exchange(running_, nullptr);
  if (failed->spawned) failed->spawned(failed->launch_failure());
}

void Command::on_stream_end() {
  // The stream that calls this must outlive the call.
  boost::asio::post(io_, lifetime_.guard([this] { finish_if_over(); }));
}

void Command::finish_if_over() {
  if (!running_ || !running_->tree_gone || !running_->output.ended() || !running_->errors.ended()) {
    return;
  }
  // If the guardian was killed, the command may have been reaped elsewhere and its status is
  // unknown.
  const CommandEnd end{running_->status.value_or(ExitStatus{0, SIGKILL}), running_->killed};
  running_.reset();
  listener_.on_exit(end);
}

Result<Done> Command::write(std::string_view bytes) {
  constexpr const char* kOperation = "write";
  if (!running_ || running_->command == 0) return not_running(kOperation);
  if (running_->input_broken) {
    return Error{"epipe", kOperation, "", "the command does not read its input any more"};
  }
  if (!running_->had_input) {
    return Error{"closed", kOperation, "", "the command has no input: it was not asked for"};
  }
  if (!running_->input.open()) {
    return Error{"closed", kOperation, "", "the input of the command is closed"};
  }
  if (running_->input.waiting() + bytes.size() > kInputWindow) {
    return Error{"overrun", kOperation, "",
                 "at most " + std::to_string(kInputWindow) +
                     " bytes may wait for the command; these were dropped"};
  }
  running_->input.write(bytes);
  return Done{};
}

Result<Done> Command::close_input() {
  if (!running_ || running_->command == 0) return not_running("close_input");
  running_->input.close();
  return Done{};
}

void Command::signal(int number, DoneHandler done) {
  const bool runs = running_ && running_->command != 0 && !running_->status;
  if (!runs) return done(not_running("signal"));
  const bool is_of_a_key = number == SIGINT || number == SIGQUIT || number == SIGTSTP;
  if (running_->terminal && is_of_a_key &&
      running_->output.signal_foreground(number, running_->command)) {
    return done(Done{});
  }
  if (!send({Order::Kind::signal, number})) return done(signal_outcome(errno));
  running_->signals.push_back(std::move(done));
  oversee();
}

void Command::stop(milliseconds grace, DoneHandler done) {
  // This includes a launch without an outcome: the guardian reads the order after the outcome.
  if (!running_ || (running_->command == 0 && !running_->spawned)) {
    return done(not_running("stop"));
  }
  if (running_->tree_gone) return done(Done{});  // on_exit() follows at the end of the output
  // Without a guardian, the sweep is running already.
  if (!send({Order::Kind::stop, static_cast<int>(grace.count())})) end_link();
  const auto killed_at = Clock::now() + grace;
  running_->killed_at = std::min(running_->killed_at.value_or(killed_at), killed_at);
  running_->stops.push_back(std::move(done));
  oversee();
}

Result<Done> Command::resize(WindowSize size) {
  if (!running_ || running_->command == 0) return not_running("resize");
  const winsize window{size.rows, size.columns, 0, 0};
  if (!running_->terminal || !running_->output.resize(window)) {
    return Error{"no_terminal", "resize", "", "the command has no terminal"};
  }
  return Done{};
}

Result<CommandStats> Command::stats() const {
  if (!running_ || running_->command == 0 || running_->tree_gone || running_->guardian == 0) {
    return not_running("stats");
  }
  return stats_of(running_->cgroup ? running_->cgroup->directory() : -1, running_->guardian);
}

void Command::grant(OutputStreamName stream, std::uint64_t bytes) {
  if (running_) running_->stream(stream).grant(bytes);
}

void Command::resume() {
  if (!running_) return;
  running_->output.resume();
  running_->errors.resume();
}

void Command::end_and_wait(milliseconds timeout) {
  if (!running_) return;
  const auto end = Clock::now() + running_->grace + timeout;
  running_->link.close();
  // The guardian ends the tree, and continues after the timeout, unless it is stopped or frozen.
  bool ended = false;
  do {
    ended = running_->await_guardian_or_output(kOverseePause);
    if (!ended && running_->guardian_is_held()) running_->kill_guardian();
  } while (!ended && Clock::now() < end);
  if (ended && !running_->tree_gone && !running_->end_guardian()) {
    while (!running_->sweep() && Clock::now() < end) std::this_thread::sleep_for(kSweepPause);
  }
  running_.reset();
}

bool Command::send(Order order) {
  running_->orders.push_back(order);
  // Later orders wait until the link accepts more.
  return running_->orders.size() > 1 || send_orders();
}

bool Command::send_orders() {
  auto& orders = running_->orders;
  while (!orders.empty() && send_order(running_->link.native_handle(), orders.front())) {
    orders.pop_front();
  }
  if (orders.empty()) return true;
  if (errno != EAGAIN) {
    orders.clear();
    return false;
  }
  running_->link.async_wait(stream_descriptor::wait_write,
                            lifetime_.guard([this](const auto& error) {
                              if (!error && running_ && !send_orders()) end_link();
                            }));
  return true;
}

// Stops the command, with the grace period of the launch, when no order can be sent.
void Command::end_link() {
  ::shutdown(running_->link.native_handle(), SHUT_WR);
}

}  // namespace lookout
