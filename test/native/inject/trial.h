// One run of lookout_port in which some of its system calls fail, judged.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "inject/injector.h"
#include "inject/term.h"

namespace lookout::inject {

// What lookout_port does meanwhile.
enum class Work : std::uint8_t {
  watch,    // watches two directories that are changed at random
  command,  // runs commands of every kind, one after the other
  ended,    // is ended by the end of its input while a command runs
  killed,   // is killed while a command runs
};

struct TrialOptions {
  std::string port;  // the path of lookout_port, absolute
  Work work = Work::watch;
  Rule rule{};
  std::string directory = "/tmp";  // where a workspace is made, and removed from at the end
  std::string backend = "auto";    // of the watch
  std::uint64_t seed = 1;
};

struct Outcome {
  std::string failure{};  // the promise that was broken, with what has failed; empty: none
  // Whether the failures were noticed at all: "kept" where all went as without them, else the
  // notice, the error or the reason of the end.
  std::string seen = "kept";
  bool ended = false;  // lookout_port has ended, with a reason
  std::uint64_t injected = 0;
  std::map<int, std::uint64_t> counts{};  // of calls, where the rule has none to fail
};

// Throws Unavailable.
Outcome run_trial(const TrialOptions& options);

class Port;

// What a run does with the port. Broken and Ended (port.h) pass through.
class Script {
 public:
  virtual ~Script() = default;
  virtual void on_message(const Term& message) = 0;
  virtual void run(Port& port) = 0;
  // What was said of the failures first; empty for nothing.
  const std::string& said() const { return said_; }

 protected:
  void say(const Term& term) {
    if (said_.empty()) said_ = print(term);
  }

 private:
  std::string said_;
};

}  // namespace lookout::inject
