// One trial: mutators run, the engine watches, and the judge replays what it tells, strictly, and
// compares at every rest.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mutator/operation.h"
#include "oracle/expected_events.h"
#include "oracle/filter.h"
#include "oracle/subject.h"
#include "watch/sources/hint_source.h"

namespace lookout::oracle {

// What is done to the engine while it watches.
enum class Fault : std::uint8_t {
  none,
  overflow,     // it does not run until the kernel's queue has overflown, every interval
  credit,       // batches are granted one at a time, at random moments
  asleep,       // nothing is granted until the rest
  settle,       // with a random time to settle
  stall,        // it does not run for some milliseconds, at random moments
  killed,       // it is thrown away at random moments, and another begins with a new listing
  watches,      // it gets fewer watches than there are directories
  descriptors,  // there are no descriptors left, at random moments
  denied,       // it has no privileges, and directories may not be read for a while
  lost_roots,   // roots are removed, made again, renamed away and back
  poll,         // without the kernel's hints
  mounts,       // file systems are mounted over directories and roots, and unmounted
  away,   // it saves snapshots, is thrown away, and another goes on from one while changes go on
  split,  // the connection to its node is lost at random moments, and its session resumed
};

constexpr std::uint64_t kFaults = 15;  // how many there are, `none` among them

// The fault of a seed, of those that an engine, or a session of a node, is judged under.
Fault draw_fault(std::uint64_t seed, bool node);

std::optional<Fault> fault_named(const std::string& name);
std::string_view fault_name(Fault fault);

struct TrialOptions {
  std::uint64_t seed = 1;
  std::size_t operations = 2000;
  std::string directory = "/tmp";  // where the workspace is made, and removed from at the end
  Fault fault = Fault::none;
  Filters filters{};
  Backend backend = Backend::automatic;
  int writers = 1;
  bool lenient = false;  // a rename of a file excuses an untold change of its content
  int roots = 0;         // 0: drawn from the seed
  std::optional<std::vector<Operation>> script{};  // instead of drawn operations
  std::vector<ExpectedInterval> expected{};        // of the script, by interval
  bool print_events = false;                       // of each interval, to standard output
  SubjectMaker subject{};                          // a session of a node; empty: an engine
};

struct Outcome {
  // What went wrong, with the batches and the operations since the last rest; empty: nothing.
  std::string failure{};
  std::string skipped{};     // why it could not be run here; empty: it was run
  bool interrupted = false;  // by SIGINT or SIGTERM; what the trial had made is removed
  std::string script{};      // all that the first writer did, up to the failure
  std::uint64_t batches = 0;
  std::uint64_t events = 0;
  std::uint64_t rests = 0;
  std::uint64_t overflows = 0;
  std::uint64_t false_reports = 0;
};

Outcome run_trial(const TrialOptions& options);

}  // namespace lookout::oracle
