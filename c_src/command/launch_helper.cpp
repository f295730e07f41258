#include "command/launch_helper.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <utility>

namespace lookout {
namespace {

// The arguments of clone3(2), up to `cgroup`.
struct CloneArguments {
  std::uint64_t flags;
  std::uint64_t unused[3];
  std::uint64_t exit_signal;
  std::uint64_t more_unused[5];
  std::uint64_t cgroup;
};
constexpr std::uint64_t kCloneIntoCgroup = 0x200000000ULL;  // CLONE_INTO_CGROUP (Linux 5.7)

template <class SystemCall>
ssize_t retry_interrupted(SystemCall call) {
  ssize_t result = 0;
  do {
    result = call();
  } while (result < 0 && errno == EINTR);
  return result;
}

}  // namespace

Launched try_launch(const LaunchPlan& plan) {
  try {
    return launch(plan);
  } catch (const std::bad_alloc&) {
    return LaunchFailure{LaunchStep::guard, ENOMEM};
  }
}

Launched launch_without_helper(const LaunchPlan& plan) {
  if (plan.needs_cgroup) return LaunchFailure{LaunchStep::enter_cgroup, errno};
  return try_launch(plan);
}

std::optional<LaunchHelper> start_helper(const LaunchPlan& plan) {
  std::array<int, 2> ends{};
  if (plan.cgroup < 0 || ::pipe2(ends.data(), O_CLOEXEC) != 0) return std::nullopt;
  UniqueFd reading(ends[0]);
  const UniqueFd writing(ends[1]);
  CloneArguments arguments{};
  arguments.flags = kCloneIntoCgroup;
  arguments.exit_signal = SIGCHLD;
  arguments.cgroup = static_cast<std::uint64_t>(plan.cgroup);
  const long pid = ::syscall(SYS_clone3, &arguments, sizeof arguments);
  if (pid < 0) return std::nullopt;
  if (pid == 0) {
    LaunchPlan inside = plan;
    inside.dies_with_parent = false;
    const Launched launched = try_launch(inside);
    const ssize_t size =
        retry_interrupted([&] { return ::write(writing.get(), &launched, sizeof launched); });
    ::_exit(size < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
  }
  return LaunchHelper{static_cast<pid_t>(pid), std::move(reading)};
}

std::optional<Launched> read_outcome(const LaunchHelper& helper) {
  Launched launched;
  const ssize_t size =
      retry_interrupted([&] { return ::read(helper.outcome.get(), &launched, sizeof launched); });
  if (size != static_cast<ssize_t>(sizeof launched)) return std::nullopt;
  return launched;
}

}  // namespace lookout
