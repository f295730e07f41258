#include "inject/trial.h"

#include <memory>

#include "inject/command_script.h"
#include "inject/port.h"
#include "inject/watch_script.h"

namespace lookout::inject {

Outcome run_trial(const TrialOptions& options) {
  const std::unique_ptr<Script> script =
      options.work == Work::watch ? make_watch_script(options) : make_command_script(options);
  Outcome outcome;
  Port port(options.port, options.rule,
            [&script](const Term& message) { script->on_message(message); });
  try {
    script->run(port);
    if (port.waited()) outcome.seen = "waited until the failures ended";
    if (!script->said().empty()) outcome.seen = script->said();
  } catch (const Ended& end) {
    outcome.ended = true;
    outcome.seen = end.what();
  } catch (const Unavailable&) {
    throw;
  } catch (const std::exception& error) {
    outcome.failure = error.what();
  }
  outcome.injected = port.injector().injected();
  outcome.counts = port.injector().counts();
  if (outcome.ended && outcome.injected == 0) outcome.failure = outcome.seen;
  if (!outcome.failure.empty()) outcome.failure += "\n  What failed:\n" + port.injector().log();
  return outcome;
}

}  // namespace lookout::inject
