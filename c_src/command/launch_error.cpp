#include "command/launch_error.h"

#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

namespace lookout {
namespace {

const char* operation_of(LaunchStep step) {
  switch (step) {
    case LaunchStep::guard:
      return "guard";
    case LaunchStep::redirect:
      return "redirect";
    case LaunchStep::change_dir:
      return "chdir";
    case LaunchStep::set_limit:
      return "setrlimit";
    case LaunchStep::set_nice:
      return "nice";
    case LaunchStep::set_descriptor:
      return "dup";
    case LaunchStep::set_credentials:
      return "setuid";
    case LaunchStep::enter_cgroup:
      return "cgroup";
    case LaunchStep::exec:
      break;
  }
  return "exec";
}

std::string_view exec_advice(int code) {
  switch (code) {
    case ENOENT:
      return "; there is no such program in PATH or at this path (or the interpreter that its "
             "first line names is "
             "missing)";
    case EACCES:
      return "; the file is there, but may not be executed: give it the right (chmod +x), and "
             "search permission to "
             "its directories";
    case ENOEXEC:
      return "; it is neither a program for this machine nor a script whose first line names its "
             "interpreter (#!)";
    case E2BIG:
      return "; arguments and environment are too long together (one may have 128 KiB, all about a "
             "quarter of the limit of the stack): pass them on standard input or in a file";
    default:
      return "";
  }
}

std::string_view credentials_advice(int code) {
  switch (code) {
    case EPERM:
      return "; the kernel does not let this process change its user or its groups (a user "
             "namespace may forbid setgroups(2))";
    case EINVAL:
      return "; the user namespace of this process has no such user or group, or there are too "
             "many groups";
    case EAGAIN:
      return "; the user has no more processes (ulimit -u)";
    default:
      return "";
  }
}

std::string_view advice(LaunchFailure failure) {
  if (failure.step == LaunchStep::exec) return exec_advice(failure.code);
  if (failure.step == LaunchStep::set_nice && failure.code == EACCES) {
    return "; a niceness below the present one is for privileged users";
  }
  if (failure.step == LaunchStep::enter_cgroup) {
    return "; no process can be started in the cgroup of the command (clone3(2) with "
           "CLONE_INTO_CGROUP, Linux 5.7)";
  }
  if (failure.step == LaunchStep::set_credentials) return credentials_advice(failure.code);
  if (failure.step == LaunchStep::redirect && failure.code == ENXIO) {
    return "; nobody has this pipe open for reading: start its reader first";
  }
  if (failure.step == LaunchStep::redirect && failure.code == EAGAIN) {
    return "; another process holds a lease on this file (fcntl(2), F_SETLEASE)";
  }
  if (failure.step == LaunchStep::guard && failure.code == ECHILD) {
    return "; the command has stopped or killed the process that launches it, and was ended";
  }
  if (failure.code == ETIMEDOUT) {
    return "; whether the program runs was not reported in time, and so it was killed: its file "
           "system does not answer, or the command stopped or froze its launch";
  }
  if (failure.code == EAGAIN) return "; the limit of processes is reached (ulimit -u)";
  if (failure.code == EMFILE) return "; raise the limit of open files (ulimit -n)";
  return "";
}

std::string described(int code) {
  const char* text = strerrordesc_np(code);
  return text != nullptr ? text : "unknown error " + std::to_string(code);
}

}  // namespace

Error launch_error(LaunchFailure failure, std::string path) {
  std::string reason = errno_name(failure.code);
  std::string detail = described(failure.code);
  if (failure.code == ELOOP) detail.append("; ").append(kLinkLoopAdvice);
  if (failure.step == LaunchStep::change_dir) {
    detail = "the working directory cannot be entered: " + detail + " (" + reason + ")";
    reason = "bad_directory";
  } else if (failure.step == LaunchStep::set_limit) {
    detail +=
        " (" + reason +
        "); a soft limit may be at most the hard one, and only privileged users may raise that";
    reason = "bad_limit";
  } else {
    detail += advice(failure);
  }
  return Error{std::move(reason), operation_of(failure.step), std::move(path), std::move(detail)};
}

}  // namespace lookout
