// The environment of a command. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "command/launch_spec.h"

namespace lookout {

// "NAME=value" each, as execve(2) takes them: `inherited` with the changes of `user` (neither after
// a clear) and then those of the launch, in their order; of changes of one variable the last
// counts. Takes time in proportion.
std::vector<std::string> make_environment(const char* const* inherited, const LaunchSpec& spec,
                                          const std::vector<EnvironmentChange>& user = {});

// The value of a variable among such; empty where there is none.
std::string_view value_of(std::string_view name, const std::vector<std::string>& environment);

}  // namespace lookout
