#include "inject/errnos.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <map>
#include <string_view>

namespace lookout::inject {
namespace {

const std::map<std::string, std::vector<int>>& table() {
  static const std::map<std::string, std::vector<int>> errors{
      // Files.
      {"open", {EMFILE, ENFILE, ENOMEM, EACCES, EIO}},
      {"openat", {EMFILE, ENFILE, ENOMEM, EACCES, EIO}},
      {"stat", {ENOMEM, EIO, EACCES}},
      {"lstat", {ENOMEM, EIO, EACCES}},
      {"fstat", {ENOMEM, EIO}},
      {"newfstatat", {ENOMEM, EIO, EACCES}},
      {"statx", {ENOMEM, EIO, EACCES}},
      {"statfs", {ENOMEM, EIO, EACCES}},
      {"fstatfs", {ENOMEM, EIO}},
      {"access", {ENOMEM, EIO, EACCES}},
      {"faccessat", {ENOMEM, EIO, EACCES}},
      {"faccessat2", {ENOMEM, EIO, EACCES, ENOSYS}},
      {"readlink", {ENOMEM, EIO, EACCES}},
      {"readlinkat", {ENOMEM, EIO, EACCES}},
      {"getdents64", {ENOMEM, EIO}},
      {"chdir", {ENOMEM, EIO, EACCES}},
      {"fchdir", {ENOMEM, EIO, EACCES}},
      {"mkdir", {ENOSPC, ENOMEM, EACCES, EROFS, EEXIST}},
      {"rmdir", {EBUSY, EACCES, ENOMEM}},
      {"getcwd", {ENOMEM, ENOENT}},
      {"name_to_handle_at", {EOPNOTSUPP, ENOMEM}},
      // Descriptors.
      {"read", {EINTR, EIO, ENOMEM}},
      {"readv", {EINTR, EIO, ENOMEM}},
      {"pread64", {EINTR, EIO, ENOMEM}},
      {"write", {EINTR, EIO, ENOMEM}},
      {"writev", {EINTR, EIO, ENOMEM}},
      {"sendto", {EINTR, ENOBUFS, ENOMEM}},
      {"sendmsg", {EINTR, ENOBUFS, ENOMEM}},
      {"recvfrom", {EINTR, ENOMEM}},
      {"recvmsg", {EINTR, ENOMEM}},
      {"pipe2", {EMFILE, ENFILE}},
      {"socketpair", {EMFILE, ENFILE, ENOMEM}},
      {"fcntl", {EMFILE, ENOMEM, EPERM, EAGAIN}},
      {"dup", {EMFILE}},
      {"dup2", {EBUSY}},
      {"dup3", {EBUSY}},
      {"ioctl", {EIO, ENOMEM}},
      {"poll", {EINTR, ENOMEM}},
      {"ppoll", {EINTR, ENOMEM}},
      {"close_range", {ENOSYS, ENOMEM}},
      {"epoll_create", {EMFILE, ENFILE, ENOMEM}},
      {"epoll_create1", {EMFILE, ENFILE, ENOMEM}},
      {"epoll_ctl", {ENOMEM, ENOSPC}},
      {"epoll_wait", {EINTR}},
      {"epoll_pwait", {EINTR}},
      {"eventfd2", {EMFILE, ENFILE, ENOMEM}},
      {"timerfd_create", {EMFILE, ENFILE, ENOMEM}},
      {"signalfd4", {EMFILE, ENFILE, ENOMEM}},
      // Hints.
      {"inotify_init1", {EMFILE, ENFILE, ENOMEM}},
      {"inotify_add_watch", {ENOSPC, ENOMEM, EACCES}},
      {"inotify_rm_watch", {EINVAL}},
      {"fanotify_init", {EMFILE, EPERM, ENOMEM}},
      {"fanotify_mark", {ENOSPC, ENOMEM, EPERM}},
      // Processes.
      {"clone", {EAGAIN, ENOMEM}},
      {"clone3", {EAGAIN, ENOMEM, ENOSYS, EBUSY}},
      {"fork", {EAGAIN, ENOMEM}},
      {"vfork", {EAGAIN, ENOMEM}},
      {"execve", {ENOMEM, EIO, EACCES, E2BIG, ETXTBSY}},
      {"wait4", {EINTR}},
      {"waitid", {EINTR}},
      {"kill", {EPERM, ESRCH}},
      {"pidfd_open", {EMFILE, ENFILE, ENOMEM, ENOSYS, EPERM}},
      {"pidfd_send_signal", {EPERM, ESRCH, ENOSYS}},
      {"setsid", {EPERM}},
      {"setrlimit", {EPERM, EINVAL}},
      {"prlimit64", {EPERM, EINVAL}},
      {"getrlimit", {}},
      {"setpriority", {EPERM, EACCES}},
      // Memory.
      {"brk", {ENOMEM}},
      {"mmap", {ENOMEM}},
      {"mremap", {ENOMEM}},
      {"mprotect", {ENOMEM}},
      {"munmap", {ENOMEM}},
      {"madvise", {ENOMEM}},
  };
  return errors;
}

// They fail in no correct program, or have no outcome.
constexpr std::string_view kCannotFail[]{
    "arch_prctl",
    "clock_gettime",
    "clock_nanosleep",
    "close",
    "exit",
    "exit_group",
    "futex",
    "getegid",
    "geteuid",
    "getgid",
    "getpgrp",
    "getpid",
    "getppid",
    "getrandom",
    "gettid",
    "getuid",
    "lseek",
    "prctl",
    "restart_syscall",
    "rseq",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "rt_sigtimedwait",
    "sched_getaffinity",
    "sched_yield",
    "set_robust_list",
    "set_tid_address",
    "sigaltstack",
    "sysinfo",
    "timerfd_settime",
    "umask",
    "uname",
    "tgkill",
    "nanosleep",
    "getpriority",
    "sched_getparam",
    "sched_getscheduler",
    "setpgid",
    "times",
    "membarrier",
};

// Only of files, and of the system's own (/proc, cgroups): on a pipe, a socket or a terminal EIO
// would be the end of the stream.
bool is_on_disk(const std::string& target) {
  return target.starts_with('/') && !target.starts_with("/dev/");
}

bool is_plausible_transfer(const Call& call, int error) {
  // EAGAIN is none of them: an edge-triggered reader that gets it may wait for the next byte.
  return error == EINTR || is_on_disk(descriptor_target(call.thread, call.arguments[0]));
}

// Only a new registration takes memory and a share of what the user may watch. Boost.Asio does not
// check the first two, of its own wake-ups; where they are refused, the next one is too, and that
// is noticed.
bool is_plausible_registration(const Call& call) {
  const std::string target = descriptor_target(call.thread, call.arguments[2]);
  return call.arguments[1] == EPOLL_CTL_ADD && target != "anon_inode:[eventfd]" &&
         target != "anon_inode:[timerfd]";
}

bool is_plausible_fcntl(const Call& call, int error) {
  switch (static_cast<int>(call.arguments[1])) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
      return error == EMFILE || error == ENOMEM;
    case F_SETPIPE_SZ:
      return error == EPERM || error == ENOMEM;
    case F_SETLEASE:
      return error == EAGAIN || error == ENOMEM;
    default:
      return false;
  }
}

bool is_plausible_ioctl(const Call& call) {
  // Questions about what is open, and FIONBIO, have no reason to fail.
  switch (call.arguments[1]) {
    case TIOCSPTLCK:
    case TIOCGPTN:
    case TIOCSWINSZ:
    case TIOCSCTTY:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::vector<int> plausible_errors(const std::string& call, bool of_watch) {
  const auto found = table().find(call);
  if (found != table().end()) {
    std::vector<int> errors = found->second;
    // A right that is missing is missing until somebody changes it, which is a hint; one that comes
    // back by itself is not waited for.
    if (of_watch) std::erase(errors, EACCES);
    return errors;
  }
  const bool cannot =
      std::find(std::begin(kCannotFail), std::end(kCannotFail), call) != std::end(kCannotFail);
  return cannot ? std::vector<int>{} : std::vector<int>{ENOMEM, EIO, EPERM};
}

bool is_plausible(const Call& call, int error) {
  switch (call.number) {
    case SYS_read:
    case SYS_readv:
    case SYS_write:
    case SYS_writev:
      return is_plausible_transfer(call, error);
    case SYS_fcntl:
      return is_plausible_fcntl(call, error);
    case SYS_ioctl:
      return is_plausible_ioctl(call);
    case SYS_epoll_ctl:
      return is_plausible_registration(call);
    case SYS_wait4:
      return (call.arguments[2] & WNOHANG) == 0;
    case SYS_prlimit64:
      return call.arguments[2] != 0;  // a new limit
    case SYS_brk:
      return call.arguments[0] != 0;
    default:
      return true;
  }
}

}  // namespace lookout::inject
