// The mutator as a program of its own: it changes the disk while the watcher runs, and stops at
// the rests so that a judge can compare.
//
// It writes lines to its output and, where it says so, waits for a line "go":
//   ready       the workspace stands, with what was made before the watching begins; waits
//   stall       the judge is to stop reading the kernel's queue; waits
//   resume      the judge is to go on; does not wait
//   rest        an interval is over; waits
//   done        all is over (after the last rest)
// End of file on its input ends it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "mutator/generator.h"
#include "mutator/operation.h"

namespace lookout::oracle {

struct MutatorOptions {
  std::string workspace;  // an existing directory; "r0", ... and "side" are made in it
  GeneratorOptions generator;
  std::size_t operations = 2000;
  std::size_t existing = 100;  // operations before "ready"
  std::size_t shortest = 50;   // operations from one rest to the next
  std::size_t longest = 200;
  bool run_at_once = false;  // goes on after "ready" without waiting
  std::string log;           // a file for the script of what was done; empty: none
  // Carried out instead of drawn operations. What stands before the first `rest` is existing.
  std::optional<std::vector<Operation>> script;
};

// Returns the number of operations that failed, or -1 where the input ended early. Throws
// std::system_error if the workspace, its roots or the log cannot be created.
int run_mutator(const MutatorOptions& options, int input, int output);

// The operations of a script's text: one a line; empty lines and lines that begin with '#' are
// skipped. Throws std::runtime_error that names a line that is no operation.
std::vector<Operation> parse_script(const std::string& text);

}  // namespace lookout::oracle
