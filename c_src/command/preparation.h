// Finds and opens what a command needs before its process exists. Most errors in a request are
// found here, with the path that causes them. Command calls prepare_launch() and passes the result
// to Command::Running.
#pragma once

#include <array>
#include <optional>

#include "command/cgroup.h"
#include "command/launch_spec.h"
#include "command/launcher.h"
#include "support/error.h"
#include "support/unique_fd.h"

namespace lookout {

struct Preparation {
  LaunchPlan plan;  // its descriptors are owned below

  // The ends of lookout_port, non-blocking; empty for a stream that is not streamed. With a
  // terminal, `input` and `output` both are its master side.
  UniqueFd input;
  UniqueFd output;
  UniqueFd errors;

  std::optional<Cgroup> cgroup;  // removed by its destructor

  // Descriptors that `plan` refers to. Close them once the guardian has its copies.
  std::array<UniqueFd, 3> standard;
  UniqueFd directory;
};

// All descriptors are close-on-exec and numbered 3 or above. Errors are made by launch_error().
Result<Preparation> prepare_launch(const LaunchSpec& spec);

}  // namespace lookout
