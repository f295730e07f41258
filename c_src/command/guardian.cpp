#include "command/guardian.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <optional>

#include "command/cgroup.h"
#include "command/descriptors.h"
#include "command/guard_link.h"
#include "command/orphans.h"
#include "command/process_tree.h"

namespace lookout {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// Between two rounds of killing: processes take a moment to end, some (in the kernel) a long one.
constexpr milliseconds kFirstPause{1};
constexpr milliseconds kLongestPause{100};

// Blocks every signal while it lives.
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

// What the guardian inherits of this program must not stay open: not the port's streams, whose ends
// others wait for, and not our ends of the command's pipes.
void close_all_but(int link, const LaunchPlan& plan) {
  std::array<int, 6> kept{
      link, plan.directory, plan.cgroup, plan.standard[0], plan.standard[1], plan.standard[2]};
  std::sort(kept.begin(), kept.end());
  int next = STDERR_FILENO + 1;
  for (const int fd : kept) {
    if (fd < next) continue;
    if (fd > next) close_descriptors(static_cast<unsigned>(next), static_cast<unsigned>(fd - 1));
    next = fd + 1;
  }
  close_descriptors(static_cast<unsigned>(next), kLastDescriptor);
}

// The arguments of clone3(2), up to the one that is needed.
struct CloneArguments {
  std::uint64_t flags;
  std::uint64_t unused[3];
  std::uint64_t exit_signal;
  std::uint64_t more_unused[5];
  std::uint64_t cgroup;
};
constexpr std::uint64_t kCloneIntoCgroup = 0x200000000ULL;  // CLONE_INTO_CGROUP (Linux 5.7)

using Launched = std::variant<pid_t, LaunchFailure>;

// Launches from a process that begins in the cgroup: to move one there takes the kernel some 10 ms.
// That process ends, and the command becomes the guardian's child. Nothing where this cannot be
// done.
std::optional<Launched> launch_in_cgroup(const LaunchPlan& plan) {
  std::array<int, 2> told{};
  if (plan.cgroup < 0 || ::pipe2(told.data(), O_CLOEXEC) != 0) return std::nullopt;
  const UniqueFd reading(told[0]);
  UniqueFd writing(told[1]);
  CloneArguments arguments{};
  arguments.flags = kCloneIntoCgroup;
  arguments.exit_signal = SIGCHLD;
  arguments.cgroup = static_cast<std::uint64_t>(plan.cgroup);
  const long pid = ::syscall(SYS_clone3, &arguments, sizeof arguments);
  if (pid < 0) return std::nullopt;
  if (pid == 0) {
    LaunchPlan inside = plan;
    inside.dies_with_parent = false;
    const Launched launched = launch(inside);
    ::_exit(::write(writing.get(), &launched, sizeof launched) < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
  }
  writing.reset();
  Launched launched = LaunchFailure{LaunchStep::guard, ECHILD};
  if (::read(reading.get(), &launched, sizeof launched) < 0) errno = 0;
  return launched;
}

// The command has copies of its own; ours would keep its streams from ending.
void close_all_of(const LaunchPlan& plan) {
  for (const int fd : plan.standard) ::close(fd);
  ::close(plan.directory);
}

class Guard {
 public:
  Guard(int link, int cgroup, milliseconds linger) : link_(link), cgroup_(cgroup), linger_(linger) {
    sigset_t child;
    ::sigemptyset(&child);
    ::sigaddset(&child, SIGCHLD);
    ended_children_ = UniqueFd(::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
  }

  void start(const LaunchPlan& plan) {
    auto inside = launch_in_cgroup(plan);
    const Launched launched = inside ? *inside : launch(plan);
    if (const auto* failure = std::get_if<LaunchFailure>(&launched)) {
      send_report(link_, {Report::Kind::failed, static_cast<int>(failure->step), failure->code});
      return;
    }
    command_ = std::get<pid_t>(launched);
    send_report(link_, {Report::Kind::started, command_, 0});
  }

  // Until no descendant is left.
  void run() {
    while (reap()) {
      if (killing_at_ && *killing_at_ <= Clock::now()) kill_all();
      wait();
    }
  }

 private:
  // False when there is no child any more, and so no descendant.
  bool reap() {
    for (;;) {
      const Reaped reaped = reap_one();
      if (reaped.none_left) return false;
      if (reaped.pid == 0) return true;
      if (reaped.pid == command_) on_exit(reaped.status);
    }
  }

  void on_exit(const ExitStatus& status) {
    command_ = 0;
    if (status.signal != 0) {
      send_report(link_, {Report::Kind::signaled, status.signal, 0});
    } else {
      send_report(link_, {Report::Kind::exited, status.code, 0});
    }
    kill_after(linger_);
  }

  void kill_after(milliseconds time) {
    const auto then = Clock::now() + time;
    if (!killing_at_ || then < *killing_at_) killing_at_ = then;
  }

  void kill_all() {
    if (cgroup_ >= 0) kill_cgroup(cgroup_);
    kill_descendants();
    killing_at_ = Clock::now() + pause_;
    pause_ = std::min(pause_ * 2, kLongestPause);
  }

  void wait() {
    std::array<pollfd, 2> watched{{{link_, POLLIN, 0}, {ended_children_.get(), POLLIN, 0}}};
    if (::poll(watched.data(), watched.size(), timeout()) <= 0) return;
    if (watched[0].revents != 0) take_orders();
    signalfd_siginfo ignored;
    while (::read(ended_children_.get(), &ignored, sizeof ignored) > 0) {
    }
  }

  int timeout() const {
    if (!killing_at_) return -1;
    const auto left = std::chrono::ceil<milliseconds>(*killing_at_ - Clock::now());
    return static_cast<int>(std::max(left, milliseconds(0)).count());
  }

  void take_orders() {
    while (const auto order = receive_order(link_)) {
      const bool stop = order->kind == Order::Kind::stop;
      // The group has its number for as long as the command is not reaped.
      if (command_ > 0) ::kill(-command_, stop ? SIGTERM : order->value);
      if (stop) on_stop(milliseconds(order->value));
    }
    if (errno == EAGAIN) return;
    link_ = -1;
    kill_after(milliseconds(0));
  }

  // One that is halted cannot do what the signal asks of it.
  void on_stop(milliseconds grace) {
    if (command_ > 0) ::kill(-command_, SIGCONT);
    kill_after(grace);
  }

  int link_;
  int cgroup_;
  milliseconds linger_;
  UniqueFd ended_children_;
  pid_t command_ = 0;  // 0: not started, or ended
  std::optional<Clock::time_point> killing_at_;
  milliseconds pause_ = kFirstPause;
};

// Nothing of this program may run any more but this: no destructor, no handler, no loop.
[[noreturn]] void guard(const LaunchPlan& plan, int link, milliseconds linger) {
  ::setsid();
  ::prctl(PR_SET_NAME, "lookout_guard", 0, 0, 0);
  become_subreaper();
  close_all_but(link, plan);
  Guard guard(link, plan.cgroup, linger);
  guard.start(plan);
  close_all_of(plan);
  guard.run();
  if (plan.cgroup >= 0) remove_cgroup(plan.cgroup_path);
  ::_exit(EXIT_SUCCESS);
}

}  // namespace

std::variant<Guardian, LaunchFailure> start_guardian(const LaunchPlan& plan, milliseconds linger) {
  const auto failure = [] { return LaunchFailure{LaunchStep::guard, errno}; };
  auto link = make_link();
  if (!link) return failure();
  become_subreaper();
  const BlockedSignals blocked;
  const pid_t pid = ::fork();
  if (pid < 0) return failure();
  if (pid == 0) guard(plan, link->guardians.get(), linger);
  UniqueFd process(open_pidfd(pid));
  if (!process) {
    const LaunchFailure unseen = failure();
    // Without a link it ends at once, with all that it has started.
    link->ours.reset();
    ::waitpid(pid, nullptr, 0);
    return unseen;
  }
  add_guardian(pid);
  return Guardian{pid, std::move(link->ours), std::move(process)};
}

}  // namespace lookout
