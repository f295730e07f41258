// The state of a running command. Only command.cpp includes this header. Command owns it and calls
// it.
#pragma once

#include <poll.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "command/adopt.h"
#include "command/command.h"
#include "command/guard_link.h"
#include "command/kept_descriptors.h"
#include "command/launch_error.h"
#include "command/orphans.h"
#include "command/preparation.h"
#include "command/process_tree.h"

namespace lookout {

using boost::asio::posix::stream_descriptor;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

inline constexpr milliseconds kSweepPause{5};
inline constexpr milliseconds kLongestSweepPause{100};  // some processes end slowly in the kernel
inline constexpr milliseconds kOverseePause{100};
inline constexpr milliseconds kRemovalSlice{20};  // one slice of cgroup removal, without a guardian
inline constexpr milliseconds kRemovalTimeout{30'000};  // cgroup removal by the guardian
// Times after the SIGKILL of a stop, or of a launch that timed out. kStopTimeout: a process that
// may not be signalled fails the stop. kGuardianTimeout: a guardian that is still alive is killed.
// kSweepTimeout: the stop or the launch fails although a process is left.
inline constexpr milliseconds kStopTimeout{1000};
inline constexpr milliseconds kGuardianTimeout{2000};
inline constexpr milliseconds kSweepTimeout{3000};

inline std::string unlisted_detail(int code) {
  const bool has_no_descriptor = code == EMFILE;
  return std::string(has_no_descriptor
                         ? "lookout_port may open no more files: a process of its user has taken "
                           "the limit away (prlimit(2)), or it was too low"
                         : "the processes in /proc cannot be listed") +
         "; what is left of the command is not known, and may go on. Run a command that is not "
         "trusted as another user (:user)";
}

inline Error stop_error(const Survivor& survivor) {
  if (survivor.unlisted != 0) {
    return {errno_name(survivor.unlisted), "stop", "", unlisted_detail(survivor.unlisted)};
  }
  const std::string process =
      "process " + std::to_string(survivor.pid) + " (" + survivor.name + ")";
  if (survivor.refuses) {
    return {"eperm", "stop", "",
            process +
                " runs as another user and may not be signalled; it goes on, what else there "
                "was of the command is killed"};
  }
  if (survivor.tracer != 0) {
    return {"etimedout", "stop", "",
            process + " was sent SIGKILL, but process " + std::to_string(survivor.tracer) +
                " traces it (a debugger or strace, ptrace(2)) and holds it: end that process, or "
                "let it detach"};
  }
  return {"etimedout", "stop", "",
          process +
              " has not ended after SIGKILL: it is in an uninterruptible system call or "
              "frozen, and ends when it leaves that, or the command forks faster than its "
              "processes are killed (run it with a cgroup)"};
}

inline Error removal_error() {
  return {"etimedout", "stop", "",
          "every process of the command has ended, but the cgroups that it has made are still "
          "being removed: the exit is reported after that"};
}

struct Command::Running {
  Running(boost::asio::io_context& io, Guardian started, Preparation& prepared,
          const OutputStream::Handlers& output_handlers,
          const OutputStream::Handlers& error_handlers, InputStream::Handlers input_handlers)
      : id(started.pid),
        guardian(started.pid),
        terminal(prepared.plan.terminal),
        link(adopt(io, std::move(started.link))),
        process(adopt(io, std::move(started.process))),
        kept(std::move(started.kept)),
        cgroup(std::move(prepared.cgroup)),
        sweep_timer(io),
        oversee_timer(io),
        input(io, std::move(prepared.input),
              terminal ? InputStream::Ending::terminal : InputStream::Ending::close,
              std::move(input_handlers)),
        output(io, std::move(prepared.output), output_handlers),
        errors(io, std::move(prepared.errors), error_handlers) {}

  OutputStream& stream(OutputStreamName name) {
    return name == OutputStreamName::output ? output : errors;
  }

  const pid_t id;  // identifies this run: the process id of its guardian
  pid_t guardian;  // 0 when it has ended
  bool terminal;
  stream_descriptor link;
  stream_descriptor process;  // pidfd of the guardian
  std::shared_ptr<KeptDescriptors> kept;
  std::optional<Cgroup> cgroup;
  boost::asio::steady_timer sweep_timer;
  milliseconds sweep_pause = kSweepPause;
  boost::asio::steady_timer oversee_timer;
  bool overseen = false;  // oversee_timer is running
  // When SIGKILL is due, by the shortest grace period of all stops. The tree, and then the
  // guardian, has to end soon after it.
  std::optional<Clock::time_point> killed_at;
  std::deque<DoneHandler> stops;  // not answered yet
  InputStream input;
  OutputStream output;
  OutputStream errors;

  // Reaps the guardian. Returns true if it has left nothing behind.
  bool end_guardian() { return guardian != 0 && reap_known_child(std::exchange(guardian, 0)); }

  // Whether oversee() must continue to poll. While nothing is awaited, oversee_timer
  // does not run.
  bool awaits_end_or_answer() const {
    const bool awaits_guardian = !signals.empty() || killed_at.has_value();
    return spawned || !stops.empty() || (guardian != 0 && awaits_guardian);
  }

  // Whether the launch has no outcome, and its timeout passed at least `by` ago.
  bool launch_is_late(milliseconds by = {}) const {
    return spawned && launched_at + launch_timeout + by <= Clock::now();
  }

  // Whether SIGKILL was due at least `time` ago.
  bool killed_since(milliseconds time) const {
    return killed_at && *killed_at + time <= Clock::now();
  }

  // Whether a process of the tree has stopped the guardian, or moved it to another cgroup, which
  // may be frozen.
  bool guardian_is_held() const { return is_stopped(guardian) || is_in_another_cgroup(guardian); }

  // Whether the guardian has to be killed. With a cgroup and no process below it, it is only
  // removing the cgroups of the command, and has kRemovalTimeout for that.
  bool guardian_fails() const {
    if (guardian == 0) return false;
    if (guardian_is_held() || launch_is_late() || killed_since(kRemovalTimeout)) return true;
    return killed_since(kGuardianTimeout) && (!cgroup || survivor_below(guardian));
  }

  // Returns why the stop has failed, once that is certain.
  std::optional<Error> stop_failure() const {
    if (stops.empty() || !killed_since(kStopTimeout)) return std::nullopt;
    const auto survivor = guardian != 0 ? survivor_below(guardian) : surviving_orphan();
    if (!survivor && cgroup && killed_since(kSweepTimeout)) return removal_error();
    // A process that may be signalled ends soon, unless it is stuck in the kernel.
    if (!survivor || (!survivor->refuses && !killed_since(kSweepTimeout))) return std::nullopt;
    return stop_error(*survivor);
  }

  // Kills the tree before the guardian: without the guardian, lookout_port becomes the parent of
  // the tree, and its processes could stop lookout_port next.
  void kill_guardian() {
    if (cgroup) cgroup->kill();
    kill_below(guardian);
    signal_process(process.native_handle(), SIGKILL);
  }

  // Returns whether the guardian has ended. Discards output meanwhile: a process that prints during
  // its clean-up must not block on a full pipe.
  bool await_guardian_or_output(milliseconds timeout) {
    std::array<pollfd, 3> watched{{{process.native_handle(), POLLIN, 0},
                                   {output.descriptor(), POLLIN, 0},
                                   {errors.descriptor(), POLLIN, 0}}};
    if (poll_always(watched, static_cast<int>(timeout.count())) <= 0) return false;
    if (watched[1].revents != 0) output.discard();
    if (watched[2].revents != 0) errors.discard();
    return watched[0].revents != 0;
  }

  // One round of killing without a guardian. Returns true if nothing is left of the tree.
  bool sweep() {
    killed = true;
    if (cgroup) cgroup->kill();
    // Reaches processes of the group that the walk misses if /proc cannot be read.
    if (command != 0) kill_group_of(command);
    const bool tree_has_ended = sweep_orphans([this](const Reaped& reaped) {
      sweep_pause = kSweepPause;  // processes may fork as fast as others end
      if (reaped.pid == command && !status) status = reaped.status;
    });
    return tree_has_ended && remove_cgroups();
  }

  // Removes cgroups for one time slice. Returns true if none is left.
  bool remove_cgroups() {
    sweep_pause = kSweepPause;
    return !cgroup || cgroup->remove(Clock::now() + kRemovalSlice);
  }

  // Returns why a launch without an outcome has failed.
  Error launch_failure() const {
    // Check the timeout first: after it, the guardian may also have reported the kill of its
    // helper.
    if (launch_is_late()) return launch_error({LaunchStep::guard, ETIMEDOUT}, program);
    if (failure) return *failure;
    return {"guardian_killed", "spawn", program, "the guardian of the command was killed"};
  }

  // Returns the object of a step, for launch_error().
  const std::string& about(int step) const {
    return static_cast<LaunchStep>(step) == LaunchStep::change_dir ? directory : program;
  }

  std::string program;
  std::string directory;
  milliseconds grace{};  // that the launch request named; used when this process ends
  milliseconds launch_timeout{};
  Clock::time_point launched_at = Clock::now();
  std::optional<Error> failure;
  SpawnHandler spawned;  // empty after its call
  pid_t command = 0;     // 0 before it is started
  std::optional<ExitStatus> status;
  std::deque<Order> orders;         // not taken by the link yet
  std::deque<DoneHandler> signals;  // not answered by the guardian yet
  bool lingers = true;              // processes left behind have a time limit
  bool killed = false;              // SIGKILL was needed
  bool had_input = false;
  bool input_broken = false;
  bool tree_gone = false;
};

}  // namespace lookout
