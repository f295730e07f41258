// Finds and opens what a command needs, before there is a process for it: what is wrong with the
// wish is mostly found here, with the path that is to blame.
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

  // Our ends, which do not block: empty for what is not streamed. With a terminal, `input` and
  // `output` are both its master side.
  UniqueFd input;
  UniqueFd output;
  UniqueFd errors;

  std::optional<Cgroup> cgroup;  // removed with its owner

  // What the plan refers to; to be closed once the guardian has it.
  std::array<UniqueFd, 3> standard;
  UniqueFd directory;
};

// Everything is opened close-on-exec and numbered 3 or above. Errors as launch_error() makes them.
Result<Preparation> prepare_launch(const LaunchSpec& spec);

}  // namespace lookout
