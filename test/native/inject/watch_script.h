// Watches two directories that are changed at random, and replays strictly what is reported.
#pragma once

#include <memory>

#include "inject/trial.h"

namespace lookout::inject {

std::unique_ptr<Script> make_watch_script(const TrialOptions& options);

}  // namespace lookout::inject
