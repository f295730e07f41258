// Which errors each system call may fail with.
#pragma once

#include <string>
#include <vector>

#include "inject/injector.h"

namespace lookout::inject {

// The errors of a call by its name; empty for one that cannot fail in a correct program (getpid,
// close: it releases the descriptor whatever it returns). A call that is not known gets some that
// most calls have, so that nothing new is left out in silence. `of_watch`: while it watches.
std::vector<int> plausible_errors(const std::string& call, bool of_watch);

// Whether this very call may fail so: it depends on its operation and on what its descriptor is.
bool is_plausible(const Call& call, int error);

}  // namespace lookout::inject
