// The reasons why a launch can fail. prepare_launch(), Command and Command::Running call
// launch_error().
#pragma once

#include <string>

#include "support/error.h"

namespace lookout {

// The steps of a launch. Each has its own operation name in an Error.
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

// `path` is the object of the step: the program, the directory or the file. The reason is the
// errno, except `bad_directory` for the working directory and `bad_limit` for a resource limit,
// whose details contain the errno, so that each cause has a distinct reason.
Error launch_error(LaunchFailure failure, std::string path);

}  // namespace lookout
