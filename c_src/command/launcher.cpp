#include "command/launcher.h"

#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <system_error>

#include "command/descriptors.h"
#include "command/signals.h"

// Uses version 1 of Boost.Process. From Boost 1.86 on, version 2 needs a library to link; version 1
// is header-only in all releases, but its headers have another path from 1.86 on.
#define BOOST_PROCESS_USE_STD_FS
// POSIX has removed vfork(2), but Linux has it; Boost.Process checks only the POSIX version.
#define BOOST_POSIX_HAS_VFORK 1
#if __has_include(<boost/process/v1/child.hpp>)
#include <boost/process/v1/child.hpp>
#include <boost/process/v1/extend.hpp>
#include <boost/process/v1/posix.hpp>
namespace process = boost::process::v1;
#else
#include <boost/process/child.hpp>
#include <boost/process/extend.hpp>
#include <boost/process/posix.hpp>
namespace process = boost::process;
#endif

namespace lookout {
namespace {

// Boost.Process passes one int from the child to its parent: the step times this factor, plus the
// errno. A step of 0 is a failure of Boost.Process itself.
constexpr int kStepFactor = 65536;

std::error_code pack(LaunchFailure failure) {
  return {static_cast<int>(failure.step) * kStepFactor + failure.code, std::system_category()};
}

LaunchFailure unpack(const std::error_code& error) {
  const int step = error.value() / kStepFactor;
  // Failures of Boost.Process itself have no step: of its pipe, the fork or the exec.
  return {step == 0 ? LaunchStep::exec : static_cast<LaunchStep>(step),
          error.value() % kStepFactor};
}

void reset_signals() {
  for (int number = 1; number <= kMaxSignal; ++number) ::signal(number, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

bool set_descriptors(const LaunchPlan& plan) {
  for (int i = 0; i < 3; ++i) {
    if (::dup2(plan.standard.at(static_cast<std::size_t>(i)), i) < 0) return false;
  }
  return !plan.terminal || ::ioctl(STDIN_FILENO, TIOCSCTTY, 0) == 0;
}

bool set_limits(const LaunchPlan& plan) {
  for (const ResourceLimit& limit : plan.limits) {
    const rlimit value{limit.soft, limit.hard};
    if (::setrlimit(static_cast<decltype(RLIMIT_CPU)>(limit.resource), &value) != 0) return false;
  }
  return true;
}

// Applies the plan to the child, between vfork and exec. The child runs in the memory of the
// suspended parent, so this makes system calls only and allocates nothing. Returns the step that
// failed, if any; its cause is in errno.
std::optional<LaunchStep> prepare(const LaunchPlan& plan, pid_t parent) {
  if (::setsid() < 0) return LaunchStep::set_descriptor;
  if (!set_descriptors(plan)) return LaunchStep::set_descriptor;
  // Libraries may have opened descriptors without close-on-exec. Until exec all stay open, so the
  // pipe that reports a failure works. Do this before the limits, under which nothing more might be
  // opened.
  close_descriptors_on_exec(STDERR_FILENO + 1, kLastDescriptor);
  if (plan.nice && ::setpriority(PRIO_PROCESS, 0, *plan.nice) != 0) return LaunchStep::set_nice;
  if (!set_limits(plan)) return LaunchStep::set_limit;
  reset_signals();
  // Set credentials after every step that may need a privilege.
  if (plan.credentials && !take_credentials(*plan.credentials)) return LaunchStep::set_credentials;
  if (::fchdir(plan.directory) != 0) return LaunchStep::change_dir;
  // Last, since the kernel clears the signal when the credentials change.
  if (plan.dies_with_parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (::getppid() != parent) ::_exit(EXIT_FAILURE);
  }
  return std::nullopt;
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  // execve(2) takes them as char* and does not write to them.
  for (const std::string& text : strings) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

struct Initializer : process::extend::handler {
  explicit Initializer(const LaunchPlan& launch_plan)
      : plan(launch_plan), argv(pointers(plan.argv)), environment(pointers(plan.environment)) {
    program.reserve(plan.program.longest());
  }

  template <class Executor>
  void on_setup(Executor& exec) {
    exec.cmd_line = argv.data();
    exec.env = environment.data();
  }

  template <class Executor>
  void on_exec_setup(Executor& exec) const {
    auto failed = prepare(plan, parent);
    // The search runs with the credentials of the command.
    if (!failed) {
      exec.exe = find_program(plan.program, program);
      if (exec.exe == nullptr) failed = LaunchStep::exec;
    }
    if (!failed) return;
    exec.set_error(pack({*failed, errno}), "");
    ::_exit(EXIT_FAILURE);
  }

  const LaunchPlan& plan;
  std::vector<char*> argv;
  std::vector<char*> environment;
  mutable std::string program;  // buffer of find_program()
  pid_t parent = ::getpid();
};

}  // namespace

std::variant<pid_t, LaunchFailure> launch(const LaunchPlan& plan) {
  std::error_code error;
  Initializer initializer(plan);
  process::child child(initializer, process::posix::use_vfork, error);
  if (error) return unpack(error);
  child.detach();
  return child.id();
}

}  // namespace lookout
