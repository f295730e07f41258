// lookout_oracle: random changes, watched by the engine, replayed strictly and compared with the
// disk. Exit status 0 when every trial passed, 1 when one failed (it says which seed, what was
// told and what was done), 2 where the arguments are wrong.
#include <sys/types.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "mutator/mutator.h"
#include "oracle/apart.h"
#include "oracle/interpreter.h"
#include "oracle/node_subject.h"
#include "oracle/shrink.h"
#include "oracle/trial.h"

namespace {

using namespace lookout::oracle;

constexpr const char* kUsage =
    "usage: lookout_oracle [--seed N | --seeds A..B | --script FILE] [--ops N] [--dir D]\n"
    "                      [--fault FAULT] [--filter FILTER] [--node] [--fanotify] [--roots N] "
    "[--writers "
    "N]\n"
    "                      [--repeat N] [--events] [--save FILE] [--shrink SECONDS] "
    "[--keep-on]\n"
    "  --seeds A..B    these seeds, both included; LOOKOUT_ORACLE_SEEDS=N makes it 1..N\n"
    "  --fault FAULT   none, overflow, credit, asleep, settle, stall, killed, watches,\n"
    "                  descriptors, denied, lost_roots, poll, mounts, away, split (with --node);\n"
    "                  or mix (the default): drawn from the seed\n"
    "  --filter FILTER none (the default), ignore, only, gitignore, links, flat, await, initial,\n"
    "                  or several with commas between; or mix: one to three, drawn from the seed\n"
    "  --node          judges a session of lookout_port --node instead of an engine\n"
    "  --fanotify      watches by fanotify, which needs privileges\n"
    "  --roots N       0 (the default): drawn from the seed\n"
    "  --script FILE   these operations instead of drawn ones, --repeat times; the events must be\n"
    "                  those of its lines that begin with #>\n"
    "  --events        prints the events of each interval in the form of such lines\n"
    "  --save FILE     where the script of a failed trial is written\n"
    "  --shrink S      tries for so many seconds to make the script of a failed trial short\n"
    "  --lenient       a rename of a file excuses an untold change of its content\n"
    "  --keep-on       does not stop at the first failure\n";

struct Settings {
  TrialOptions trial;
  std::uint64_t first = 1;
  std::uint64_t last = 1;
  std::uint64_t repeat = 1;
  bool mix = true;
  bool mix_filters = false;
  bool keep_on = false;
  std::string save;
  std::chrono::seconds shrink{0};
};

std::string text_of(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw std::runtime_error("cannot read " + file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

void parse_seeds(Settings& settings, const std::string& text) {
  std::size_t dots = text.find("..");
  if (dots == std::string::npos) throw std::runtime_error("--seeds wants A..B, not " + text);
  settings.first = std::stoull(text.substr(0, dots));
  settings.last = std::stoull(text.substr(dots + 2));
  // No other thread is there yet. NOLINTNEXTLINE(concurrency-mt-unsafe)
  if (const char* count = std::getenv("LOOKOUT_ORACLE_SEEDS")) {
    settings.first = 1;
    settings.last = std::stoull(count);
  }
}

void parse_fault(Settings& settings, const std::string& name) {
  settings.mix = name == "mix";
  if (settings.mix) return;
  std::optional<Fault> fault = fault_named(name);
  if (!fault) throw std::runtime_error("no such fault: " + name);
  settings.trial.fault = *fault;
}

void parse_filter(Settings& settings, const std::string& names) {
  settings.mix_filters = names == "mix";
  if (settings.mix_filters) return;
  std::optional<Filters> filters = filters_named(names);
  if (!filters) throw std::runtime_error("no such filter: " + names);
  settings.trial.filters = *filters;
}

void read_script(TrialOptions& trial, const std::string& file) {
  const std::string script = text_of(file);
  trial.script = parse_script(script);
  trial.expected = parse_expected(script);
}

Settings parse(int argc, char** argv) {
  Settings settings;
  int at = 1;
  auto text = [&]() -> std::string {
    if (at >= argc) throw std::runtime_error("a value is missing");
    return argv[at++];
  };
  auto number = [&] { return std::stoull(text()); };
  while (at < argc) {
    std::string word = text();
    if (word == "--seed")
      settings.first = settings.last = number();
    else if (word == "--seeds")
      parse_seeds(settings, text());
    else if (word == "--ops")
      settings.trial.operations = number();
    else if (word == "--dir")
      settings.trial.directory = text();
    else if (word == "--node")
      settings.trial.subject = make_node_subject;
    else if (word == "--fanotify")
      settings.trial.backend = lookout::Backend::fanotify;
    else if (word == "--fault")
      parse_fault(settings, text());
    else if (word == "--filter")
      parse_filter(settings, text());
    else if (word == "--roots")
      settings.trial.roots = static_cast<int>(number());
    else if (word == "--writers")
      settings.trial.writers = static_cast<int>(number());
    else if (word == "--repeat")
      settings.repeat = number();
    else if (word == "--script")
      read_script(settings.trial, text());
    else if (word == "--events")
      settings.trial.print_events = true;
    else if (word == "--save")
      settings.save = text();
    else if (word == "--shrink")
      settings.shrink = std::chrono::seconds(number());
    else if (word == "--lenient")
      settings.trial.lenient = true;
    else if (word == "--keep-on")
      settings.keep_on = true;
    else
      throw std::runtime_error("unknown argument " + word);
  }
  return settings;
}

std::string script_text(const std::vector<Operation>& script) {
  std::string text;
  for (const Operation& operation : script) text += to_line(operation) + '\n';
  return text;
}

// A trial that was interrupted has cleaned up, and is the last.
Outcome run(const TrialOptions& trial) {
  Outcome outcome = run_trial_apart(trial);
  if (!outcome.interrupted) return outcome;
  std::fprintf(stderr, "lookout_oracle: interrupted\n");
  // Trials are processes: there is no other thread. NOLINTNEXTLINE(concurrency-mt-unsafe)
  std::exit(1);
}

// Which promise a failure breaks: a shorter script must break the same.
std::string_view kind_of(std::string_view failure) {
  std::string_view first = failure.substr(0, failure.find('\n'));
  for (std::string_view kind : {" now, ", "on the disk", "was told as", "batch", "list", "end"}) {
    if (first.find(kind) != std::string_view::npos) return kind;
  }
  return first;
}

// A race does not show each time, so a shorter script gets several tries.
class Shrinker {
 public:
  Shrinker(const TrialOptions& trial, std::string_view failure)
      : trial_(trial), kind_(kind_of(failure)) {}

  bool fails(const std::vector<Operation>& operations) {
    if (blind_spot(operations, trial_.fault == Fault::denied)) return false;
    trial_.script = operations;
    trial_.expected.clear();
    for (int i = 0; i < kTries; ++i) {
      Outcome outcome = run(trial_);
      if (outcome.failure.empty() || kind_of(outcome.failure) != kind_) continue;
      failure_ = outcome.failure;
      return true;
    }
    return false;
  }

  void print(const std::string& text, std::chrono::seconds at_most) {
    std::vector<Operation> script = parse_script(text);
    if (auto blind = blind_spot(script, trial_.fault == Fault::denied))
      std::printf("-- no watcher could report this: %s\n", to_line(*blind).c_str());
    std::vector<Operation> condensed = condense(script);
    if (fails(condensed)) {
      script = std::move(condensed);
    } else if (!fails(script)) {
      std::puts("-- the script alone did not fail again; nothing to shrink");
      return;
    }
    std::vector<Operation> shorter = shrink(
        script, [this](const std::vector<Operation>& each) { return fails(each); }, at_most);
    std::printf("-- shrunk to %zu operations:\n%s-- which failed so:\n%s\n", shorter.size(),
                script_text(shorter).c_str(), failure_.c_str());
  }

 private:
  static constexpr int kTries = 6;
  TrialOptions trial_;
  std::string_view kind_;
  std::string failure_;
};

bool run_one(const Settings& settings, std::uint64_t seed) {
  TrialOptions trial = settings.trial;
  trial.seed = seed;
  if (settings.mix && !trial.script) trial.fault = draw_fault(seed, bool(trial.subject));
  if (settings.mix_filters) trial.filters = draw_filters(seed);
  const std::string filters = filter_names(trial.filters);
  Outcome outcome = run(trial);
  if (!outcome.skipped.empty()) {
    std::printf("seed %llu fault %s filter %s: skipped, %s\n",
                static_cast<unsigned long long>(seed), fault_name(trial.fault).data(),
                filters.c_str(), outcome.skipped.c_str());
    return true;
  }
  std::printf(
      "seed %llu fault %s filter %s: %s; %llu batches, %llu events (%llu false), %llu rests, %llu "
      "overflows\n",
      static_cast<unsigned long long>(seed), fault_name(trial.fault).data(), filters.c_str(),
      outcome.failure.empty() ? "passed" : "FAILED",
      static_cast<unsigned long long>(outcome.batches),
      static_cast<unsigned long long>(outcome.events),
      static_cast<unsigned long long>(outcome.false_reports),
      static_cast<unsigned long long>(outcome.rests),
      static_cast<unsigned long long>(outcome.overflows));
  std::fflush(stdout);
  if (outcome.failure.empty()) return true;
  std::printf(
      "%s\n-- again: --seed %llu --ops %zu --fault %s --filter %s%s%s --roots %d --writers %d\n",
      outcome.failure.c_str(), static_cast<unsigned long long>(seed), trial.operations,
      fault_name(trial.fault).data(), filters.c_str(), trial.subject ? " --node" : "",
      trial.backend == lookout::Backend::fanotify ? " --fanotify" : "", trial.roots, trial.writers);
  if (!settings.save.empty()) std::ofstream(settings.save, std::ios::binary) << outcome.script;
  if (settings.shrink.count() > 0)
    Shrinker(trial, outcome.failure).print(outcome.script, settings.shrink);
  std::fflush(stdout);
  return false;
}

}  // namespace

int main(int argc, char** argv) try {
  Settings settings = parse(argc, argv);
  std::uint64_t failed = 0;
  for (std::uint64_t seed = settings.first; seed <= settings.last; ++seed) {
    for (std::uint64_t i = 0; i < settings.repeat; ++i) {
      // A script has no seed, but the judge asks at other moments each time.
      if (run_one(settings, settings.trial.script ? seed + i : seed)) continue;
      ++failed;
      if (!settings.keep_on) return 1;
    }
  }
  if (failed > 0) std::printf("%llu failed\n", static_cast<unsigned long long>(failed));
  return failed == 0 ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "lookout_oracle: %s\n%s", error.what(), kUsage);
  return 2;
}
