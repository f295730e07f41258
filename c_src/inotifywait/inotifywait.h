// `lookout_port inotifywait ARGUMENT...`: the watch engine with the command line and the output of
// inotifywait, for programs that start inotifywait. Called by main().
#pragma once

#include <string>
#include <vector>

namespace lookout::inotifywait {

// Watches until nobody reads standard output. Returns the exit status: 0, or 1 after a message on
// standard error.
int run(const std::vector<std::string>& arguments);

}  // namespace lookout::inotifywait
