#include "command/command.h"

#include <poll.h>
#include <sys/ioctl.h>

#include <boost/asio/post.hpp>
#include <cerrno>
#include <csignal>
#include <thread>
#include <utility>
#include <variant>

#include "command/launch_error.h"
#include "command/orphans.h"
#include "command/preparation.h"
#include "command/process_tree.h"

namespace lookout {
namespace {

using boost::asio::posix::stream_descriptor;
using std::chrono::milliseconds;

constexpr milliseconds kSweepPause{5};

Error not_running(const char* operation) {
  return {"not_running", operation, "", "the command has exited, or was never started"};
}

}  // namespace

struct Command::Running {
  Running(boost::asio::io_context& io, Guardian started, Preparation& prepared,
          const OutputStream::Handlers& output_handlers,
          const OutputStream::Handlers& error_handlers, InputStream::Handlers input_handlers)
      : guardian(started.pid),
        terminal(prepared.plan.terminal),
        link(io, started.link.release()),
        process(io, started.process.release()),
        cgroup(std::move(prepared.cgroup)),
        sweep_timer(io),
        input(io, std::move(prepared.input),
              terminal ? InputStream::Ending::terminal : InputStream::Ending::close,
              std::move(input_handlers)),
        output(io, std::move(prepared.output), output_handlers),
        errors(io, std::move(prepared.errors), error_handlers) {}

  OutputStream& stream(OutputStreamName name) {
    return name == OutputStreamName::output ? output : errors;
  }

  pid_t guardian;  // 0 when it has ended
  bool terminal;
  stream_descriptor link;
  stream_descriptor process;  // of the guardian
  std::optional<Cgroup> cgroup;
  boost::asio::steady_timer sweep_timer;
  InputStream input;
  OutputStream output;
  OutputStream errors;

  // True where it has left nothing behind.
  bool end_guardian() { return guardian != 0 && lookout::end_guardian(std::exchange(guardian, 0)); }

  // One round, without a guardian. True when nothing is left of the tree.
  bool sweep() {
    if (cgroup) kill_cgroup(cgroup->directory());
    return sweep_orphans([this](const Reaped& reaped) {
      if (reaped.pid == command && !status) status = reaped.status;
    });
  }

  // What a step was about.
  const std::string& about(int step) const {
    return static_cast<LaunchStep>(step) == LaunchStep::change_dir ? directory : program;
  }

  std::string program;
  std::string directory;
  std::optional<Error> failure;
  SpawnHandler spawned;  // until it is called
  pid_t command = 0;     // 0 before it is started
  std::optional<ExitStatus> status;
  bool had_input = false;
  bool input_broken = false;
  bool tree_gone = false;
};

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
}

std::optional<Error> Command::start(const LaunchSpec& spec) {
  Result<Preparation> prepared = prepare_launch(spec);
  if (auto* error = std::get_if<Error>(&prepared)) return std::move(*error);
  auto& preparation = std::get<Preparation>(prepared);
  auto started = start_guardian(preparation.plan, spec.linger);
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
  running_ = std::make_unique<Running>(io_, std::get<Guardian>(std::move(started)), preparation,
                                       output_handlers(OutputStreamName::output),
                                       output_handlers(OutputStreamName::errors),
                                       std::move(input_handlers));
  running_->program = spec.argv.front();
  running_->directory = spec.directory;
  running_->had_input = has_input;
  return std::nullopt;
}

void Command::watch_link() {
  running_->link.async_wait(stream_descriptor::wait_read, [this](const auto& error) {
    if (error) return;
    while (const auto report = receive_report(running_->link.native_handle())) on_report(*report);
    // At the end of the link the end of the guardian follows.
    if (errno == EAGAIN) watch_link();
  });
}

void Command::watch_guardian() {
  running_->process.async_wait(stream_descriptor::wait_read, [this](const auto& error) {
    if (!error) on_guardian_end();
  });
}

void Command::on_report(const Report& report) {
  switch (report.kind) {
    case Report::Kind::started:
      running_->command = report.value;
      std::exchange(running_->spawned, nullptr)(static_cast<std::uint64_t>(report.value));
      return;
    case Report::Kind::failed:
      running_->failure = launch_error({static_cast<LaunchStep>(report.value), report.detail},
                                       running_->about(report.value));
      return;
    case Report::Kind::exited:
      running_->status = ExitStatus{report.value, 0};
      return;
    case Report::Kind::signaled:
      running_->status = ExitStatus{0, report.value};
      return;
  }
}

// It ends last of the tree, unless it was killed: then what is left of the tree has become ours.
void Command::on_guardian_end() {
  while (const auto report = receive_report(running_->link.native_handle())) on_report(*report);
  if (running_->end_guardian()) return on_tree_gone();
  sweep();
}

void Command::sweep() {
  if (running_->sweep()) return on_tree_gone();
  running_->sweep_timer.expires_after(kSweepPause);
  running_->sweep_timer.async_wait([this](const auto& error) {
    if (!error) sweep();
  });
}

void Command::on_tree_gone() {
  running_->tree_gone = true;
  running_->input.drop();
  if (running_->command == 0) return fail();
  running_->output.no_writer_left();
  running_->errors.no_writer_left();
  finish_if_over();
}

// There is no guardian any more that could still be in the way of another command.
void Command::fail() {
  const auto failed = std::exchange(running_, nullptr);
  // One that was killed has said nothing.
  failed->spawned(failed->failure.value_or(Error{"guardian_killed", "spawn", failed->program,
                                                 "the guardian of the command was killed"}));
}

void Command::on_stream_end() {
  // The stream that calls this must outlive the call.
  boost::asio::post(io_, [this] { finish_if_over(); });
}

void Command::finish_if_over() {
  if (!running_ || !running_->tree_gone || !running_->output.ended() || !running_->errors.ended()) {
    return;
  }
  // The process id of a command that was killed with its guardian may have been reaped elsewhere.
  const ExitStatus status = running_->status.value_or(ExitStatus{0, SIGKILL});
  running_.reset();
  listener_.on_exit(status);
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

Result<Done> Command::signal(int number) {
  const bool runs = running_ && running_->command != 0 && !running_->status;
  if (!runs || !send({Order::Kind::signal, number})) return not_running("signal");
  return Done{};
}

Result<Done> Command::stop(milliseconds grace) {
  if (!running_ || running_->command == 0) return not_running("stop");
  // Without a guardian the sweep is under way.
  send({Order::Kind::stop, static_cast<int>(grace.count())});
  return Done{};
}

Result<Done> Command::resize(WindowSize size) {
  if (!running_ || running_->command == 0) return not_running("resize");
  const winsize window{size.rows, size.columns, 0, 0};
  if (!running_->terminal || !running_->output.resize(window)) {
    return Error{"no_terminal", "resize", "", "the command has no terminal"};
  }
  return Done{};
}

void Command::grant(OutputStreamName stream, std::uint64_t bytes) {
  if (running_) running_->stream(stream).grant(bytes);
}

void Command::resume() {
  if (!running_) return;
  running_->output.resume();
  running_->errors.resume();
}

void Command::end_and_wait(milliseconds patience) {
  if (!running_) return;
  const auto end = std::chrono::steady_clock::now() + patience;
  running_->link.close();
  pollfd guardian{running_->process.native_handle(), POLLIN, 0};
  // It does the work, and goes on where the patience is not enough.
  const bool ended = ::poll(&guardian, 1, static_cast<int>(patience.count())) > 0;
  if (ended && !running_->tree_gone && !running_->end_guardian()) {
    while (!running_->sweep() && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(kSweepPause);
    }
  }
  running_.reset();
}

bool Command::send(Order order) {
  return send_order(running_->link.native_handle(), order);
}

}  // namespace lookout
