// `lookout_port --node`: options, wiring, exit code. Called by main().
#pragma once

#include <string>
#include <vector>

namespace lookout {

// Runs the node until SIGTERM or SIGINT. `arguments` begin with --node. Returns the exit status: 0
// after such a signal, 1 after a failure, 2 for arguments that are not taken.
int serve_node(const std::vector<std::string>& arguments);

// The usage of these arguments, for --help.
extern const char* const kNodeUsage;

}  // namespace lookout
