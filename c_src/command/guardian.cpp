#include "command/guardian.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "command/cgroup.h"
#include "command/descriptors.h"
#include "command/end_schedule.h"
#include "command/guard_link.h"
#include "command/kept_descriptors.h"
#include "command/launch_helper.h"
#include "command/orphans.h"
#include "command/process_tree.h"

namespace lookout {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// Blocks every signal for its lifetime.
class BlockedSignals {
 public:
  BlockedSignals() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~BlockedSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;

 private:
  sigset_t before_{};
};

// The guardian must not keep inherited descriptors of lookout_port open: neither the streams of the
// port, whose peers wait for end of file, nor the end of the command's input that belongs to
// lookout_port.
void close_all_but(int link, const LaunchPlan& plan) {
  const auto [proc, epoll] = kept_descriptors();
  std::array<int, 10> kept{link,
                           plan.directory,
                           plan.cgroup,
                           plan.standard[0],
                           plan.standard[1],
                           plan.standard[2],
                           plan.outputs[0],
                           plan.outputs[1],
                           proc,
                           epoll};
  std::sort(kept.begin(), kept.end());
  int next = STDERR_FILENO + 1;
  for (const int fd : kept) {
    if (fd < next) continue;
    if (fd > next) close_descriptors(static_cast<unsigned>(next), static_cast<unsigned>(fd - 1));
    next = fd + 1;
  }
  close_descriptors(static_cast<unsigned>(next), kLastDescriptor);
}

// The command has its own copies. Copies in the guardian would delay end of file on its streams.
void close_all_of(const LaunchPlan& plan) {
  for (const int fd : plan.standard) ::close(fd);
  ::close(plan.directory);
}

class Guard {
 public:
  Guard(int link, const LaunchPlan& plan, const LaunchSpec& spec)
      : link_(link),
        cgroup_(plan.cgroup),
        kill_file_(open_kill_file(plan.cgroup)),
        events_file_(open_events_file(plan.cgroup)),
        stop_signal_(spec.stop_signal),
        schedule_(spec.linger, spec.grace),
        outputs_(plan.outputs) {
    sigset_t child;
    ::sigemptyset(&child);
    ::sigaddset(&child, SIGCHLD);
    ended_children_ = UniqueFd(::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!ended_children_) blind_ = LaunchFailure{LaunchStep::guard, errno};
  }

  void start(const LaunchPlan& plan) {
    if (blind_) return on_failure(*blind_);
    const auto helper = start_helper(plan);
    const Launched launched = helper ? outcome_of(*helper) : launch_without_helper(plan);
    // The command becomes a child of the guardian, which can then reap it, only when the helper has
    // ended. The command may have stopped the helper.
    if (helper) ::kill(helper->pid, SIGKILL);
    // Remove the room for the helper from pids.max. Processes that the command has already forked
    // stay.
    if (helper && plan.pids_max) set_pids_max(plan.cgroup, *plan.pids_max);
    if (const auto* failure = std::get_if<LaunchFailure>(&launched)) return on_failure(*failure);
    command_ = std::get<pid_t>(launched);
    // End a command whose start could not be reported.
    if (!send_report(link_, {Report::Kind::started, command_, 0})) schedule_.ask(Clock::now());
  }

  // Returns when no descendant is left and the cgroup is empty, or after an order to leave.
  void run() {
    while ((reap() || has_strays()) && !left_) {
      take_step();
      wait();
    }
  }

 private:
  // The command runs before its launch is reported. It may stop or kill the helper, which is its
  // first parent; then there is no outcome, and the launch has failed. It also fails at end of file
  // on the link.
  Launched outcome_of(const LaunchHelper& helper) const {
    const LaunchFailure unknown{LaunchStep::guard, ECHILD};
    while (!is_stopped(helper.pid)) {
      std::array<pollfd, 3> watched{{{helper.outcome.get(), POLLIN, 0},
                                     {link_, POLLRDHUP, 0},
                                     {ended_children_.get(), POLLIN, 0}}};
      if (poll_always(watched, -1) <= 0) continue;
      if (watched[0].revents != 0) return read_outcome(helper).value_or(unknown);
      if (watched[1].revents != 0) break;
      forget_ended_children();
    }
    return unknown;
  }

  // Drains the signalfd. The caller then asks the kernel which children have ended or were stopped.
  void forget_ended_children() const {
    signalfd_siginfo ignored;
    // If entries remain, poll(2) reports the signalfd again.
    if (::read(ended_children_.get(), &ignored, sizeof ignored) < 0) errno = 0;
  }

  // Returns false if no child, and so no descendant, is left. A command may have its children end
  // faster than they are reaped, so after kMaxReaped of them the orders and the schedule get their
  // turn.
  bool reap() {
    reaped_all_ = false;
    for (int i = 0; i < kMaxReaped; ++i) {
      const Reaped reaped = reap_one();
      if (reaped.none_left) return false;
      reaped_all_ = reaped.pid == 0;
      if (reaped_all_) return true;
      if (reaped.pid == command_) on_exit(reaped.status);
    }
    return true;
  }

  // A process that has entered another PID namespace (setns(2)) can make that one's init the parent
  // of its children. They leave the tree, but not the cgroup.
  bool has_strays() {
    strays_ = is_populated(events_file_.get());
    if (strays_) reaped_all_ = true;
    return strays_;
  }

  // Kill anyway: after an unknown outcome there may be a process.
  void on_failure(const LaunchFailure& failure) {
    send_report(link_, {Report::Kind::failed, static_cast<int>(failure.step), failure.code});
    schedule_.kill(Clock::now());
  }

  void on_exit(const ExitStatus& status) {
    command_ = 0;
    if (status.signal != 0) {
      send_report(link_, {Report::Kind::signaled, status.signal, 0});
    } else {
      send_report(link_, {Report::Kind::exited, status.code, 0});
    }
    schedule_.on_exit(Clock::now());
  }

  void take_step() {
    switch (schedule_.take_step(Clock::now())) {
      case EndSchedule::Step::none:
        return;
      case EndSchedule::Step::ask:
        return ask_all();
      case EndSchedule::Step::kill:
        return kill_all();
    }
  }

  void ask_all() const {
    const std::vector<pid_t> strays = list_strays();
    ask_below(::getpid(), stop_signal_, command_);
    for (const pid_t pid : strays) ask_stray(pid);
  }

  // The processes of the cgroup that are not below the guardian, as listed now.
  std::vector<pid_t> list_strays() const {
    if (cgroup_ < 0) return {};
    try {
      std::vector<pid_t> processes = processes_in(cgroup_);
      const std::vector<pid_t> tree = processes_below(::getpid());
      std::erase_if(processes, [&tree](pid_t pid) {
        return std::find(tree.begin(), tree.end(), pid) != tree.end();
      });
      return processes;
    } catch (const std::bad_alloc&) {
      return {};  // they are killed after the grace
    }
  }

  void ask_stray(pid_t pid) const {
    const UniqueFd process(open_pidfd(pid));
    if (!process) return;
    // The process id may have been reused before the pidfd was open: check the cgroup now.
    const std::vector<pid_t> members = processes_in(cgroup_);
    if (std::find(members.begin(), members.end(), pid) == members.end()) return;
    signal_process(process.get(), stop_signal_);
    signal_process(process.get(), SIGCONT);
  }

  void kill_all() {
    bool any = kill_cgroup(kill_file_.get());
    // Reaches processes that the walk misses if /proc cannot be read.
    any = signal_group(SIGKILL) == 0 || any;
    try {
      // A list of all processes takes long while many of them wait to be reaped.
      any = (reaped_all_ ? kill_below(::getpid()) : kill_own_children()) || any;
    } catch (const std::bad_alloc&) {
      // The next round may have enough memory.
    }
    // A process that may not be signalled was not killed.
    if (any && !std::exchange(killed_, true)) send_report(link_, {Report::Kind::killed, 0, 0});
  }

  void wait() {
    const bool alone = link_ < 0;
    std::array<pollfd, 4> watched{{{link_, POLLIN, 0},
                                   {ended_children_.get(), POLLIN, 0},
                                   {alone ? outputs_[0] : -1, POLLIN, 0},
                                   {alone ? outputs_[1] : -1, POLLIN, 0}}};
    if (poll_always(watched, timeout()) <= 0) return;
    if (watched[0].revents != 0) take_orders();
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      if (watched.at(i + 2).revents != 0) discard(outputs_.at(i));
    }
    forget_ended_children();
  }

  // Without lookout_port nobody reads the output. The guardian does, so that a process that writes
  // during its clean-up neither blocks nor gets SIGPIPE.
  static void discard(int& output) {
    std::array<char, 4096> ignored;
    const ssize_t size = ::read(output, ignored.data(), ignored.size());
    if (size > 0 || (size < 0 && (errno == EAGAIN || errno == EINTR))) return;
    ::close(output);
    output = -1;
  }

  int timeout() const {
    constexpr int kPause = 20;  // the end of a process that is no child causes no signal
    if (!reaped_all_) return 0;
    const int longest = strays_ ? kPause : -1;
    const auto next = schedule_.next();
    if (!next) return longest;
    const auto now = Clock::now();
    if (*next <= now) return 0;
    const auto left = static_cast<int>(std::chrono::ceil<milliseconds>(*next - now).count());
    return strays_ ? std::min(left, longest) : left;
  }

  void take_orders() {
    while (const auto order = receive_order(link_)) {
      if (order->kind == Order::Kind::stop) {
        schedule_.ask(Clock::now(), milliseconds(order->value));
      } else if (order->kind == Order::Kind::leave) {
        left_ = schedule_.leaves();
      } else {
        send_report(link_, {Report::Kind::answered, signal_group(order->value), 0});
      }
    }
    if (errno != 0) return;
    link_ = -1;
    schedule_.ask(Clock::now());
  }

  // Returns 0 or errno. The number of the group is not reused before the command is reaped.
  int signal_group(int number) const {
    if (command_ == 0) return ESRCH;
    return ::kill(-command_, number) == 0 ? 0 : errno;
  }

  int link_;
  int cgroup_;            // directory of the command's cgroup; -1: none
  UniqueFd kill_file_;    // its cgroup.kill
  UniqueFd events_file_;  // its cgroup.events
  bool strays_ = false;   // no child is left, but the cgroup has processes
  int stop_signal_;
  EndSchedule schedule_;
  std::array<int, 2> outputs_;  // as in LaunchPlan, non-blocking
  UniqueFd ended_children_;
  std::optional<LaunchFailure> blind_;  // why the end of a child would not be noticed
  pid_t command_ = 0;                   // 0: not started, or ended
  bool reaped_all_ = true;              // the last reap() left no ended child
  bool killed_ = false;                 // SIGKILL was reported
  bool left_ = false;                   // leave the remaining processes alone
};

// Runs the guardian after the fork. No other code of lookout_port may run in it: no destructor, no
// handler, no event loop. Without memory it continues; what fails is retried in the next round.
[[noreturn]] void guard(const LaunchPlan& plan, const LaunchSpec& spec, int link) noexcept {
  std::set_new_handler(nullptr);
  ::setsid();
  ::prctl(PR_SET_NAME, "lookout_guard", 0, 0, 0);
  become_subreaper();
  reopen_descriptors();
  close_all_but(link, plan);
  // A process of the tree may have stopped the guardian. When lookout_port is gone, SIGCONT lets it
  // end the tree.
  ::prctl(PR_SET_PDEATHSIG, SIGCONT, 0, 0, 0);
  try {
    Guard guard(link, plan, spec);
    guard.start(plan);
    close_all_of(plan);
    guard.run();
  } catch (...) {
    ::_exit(EXIT_FAILURE);  // lookout_port ends the tree of a dead guardian
  }
  if (plan.cgroup >= 0) remove_cgroup(plan.cgroup_path);
  ::_exit(EXIT_SUCCESS);
}

}  // namespace

std::variant<Guardian, LaunchFailure> start_guardian(const LaunchPlan& plan,
                                                     const LaunchSpec& spec) {
  const auto failure = [] { return LaunchFailure{LaunchStep::guard, errno}; };
  auto link = make_link();
  if (!link) return failure();
  become_subreaper();
  auto kept = keep_descriptors();
  // Only privileged processes may trace lookout_port or take its descriptors, not processes of the
  // command's user. The guardian inherits this.
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  const BlockedSignals blocked;
  const pid_t pid = ::fork();
  if (pid < 0) return failure();
  if (pid == 0) guard(plan, spec, link->guardians.get());
  UniqueFd process(open_pidfd(pid));
  if (!process) {
    const LaunchFailure unseen = failure();
    // End of file on the link ends the guardian at once, with everything that it has started.
    link->ours.reset();
    await_known_child(pid);
    return unseen;
  }
  add_known_child(pid);
  return Guardian{pid, std::move(link->ours), std::move(process), std::move(kept)};
}

}  // namespace lookout
