// Why a command could not be launched.
#pragma once

#include <string>

#include "support/error.h"

namespace lookout {

// What was attempted, in the order in which it is. Each has its own name as the operation of the
// error.
enum class LaunchStep : int {
  guard,            // the guardian, its pipes and descriptors
  redirect,         // a file or a terminal for the standard streams
  change_dir,       // the working directory
  set_limit,        // a resource limit
  set_nice,         // the niceness
  set_descriptor,   // the standard descriptors, the session
  set_credentials,  // the user and the groups
  enter_cgroup,     // a process in the cgroup of a command with limits
  exec,             // the program itself
};

struct LaunchFailure {
  LaunchStep step = LaunchStep::exec;
  int code = 0;  // errno
};

// `path` is what the step was about: the program, the directory, the file. The reason is the errno,
// but `bad_directory` for the working directory and `bad_limit` for a limit, whose detail tells the
// errno, so that each cause has a reason of its own.
Error launch_error(LaunchFailure failure, std::string path);

}  // namespace lookout
