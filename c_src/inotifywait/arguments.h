// The options of inotifywait that `lookout_port inotifywait` accepts: those that the package
// file_system passes, and their long names. run() calls it.
#pragma once

#include <string>
#include <vector>

#include "inotifywait/event_lines.h"
#include "inotifywait/line_format.h"
#include "support/error.h"

namespace lookout::inotifywait {

struct Arguments {
  bool help = false;  // then all other members are ignored
  bool recursive = false;
  bool quiet = false;
  EventKinds kinds;  // all kinds unless -e is given
  LineFormat format;
  std::vector<std::string> paths;  // as given; not empty
};

// The detail of the error names the rejected argument and the accepted ones.
Result<Arguments> parse_arguments(const std::vector<std::string>& arguments);

}  // namespace lookout::inotifywait
