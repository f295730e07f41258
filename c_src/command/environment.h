// The environment of a command. Pure. prepare_launch() and Fswatch call it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "command/launch_spec.h"

namespace lookout {

// Returns strings "NAME=value" as execve(2) takes them: `inherited`, then the changes of `user`,
// then those of the launch. With `clear_environment` the first two are omitted. The last change of
// a variable wins. Runs in linear time.
std::vector<std::string> make_environment(const char* const* inherited, const LaunchSpec& spec,
                                          const std::vector<EnvironmentChange>& user = {});

// Returns the value of a variable in such a list; empty if it is not set.
std::string_view value_of(std::string_view name, const std::vector<std::string>& environment);

}  // namespace lookout
