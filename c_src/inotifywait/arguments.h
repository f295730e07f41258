// The part of inotifywait's command line that `lookout_port inotifywait` accepts: what file_system
// passes, and the long names of it.
#pragma once

#include <string>
#include <vector>

#include "inotifywait/event_lines.h"
#include "inotifywait/line_format.h"
#include "support/error.h"

namespace lookout::inotifywait {

struct Arguments {
  bool help = false;  // nothing else counts then
  bool recursive = false;
  bool quiet = false;
  EventKinds kinds;  // all of them unless -e is given
  LineFormat format;
  std::vector<std::string> paths;  // as given; not empty
};

// The error's detail names the argument that is not accepted and what is.
Result<Arguments> parse_arguments(const std::vector<std::string>& arguments);

}  // namespace lookout::inotifywait
