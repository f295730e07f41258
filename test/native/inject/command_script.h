// Runs commands of every kind, and compares what comes of them with what must come.
#pragma once

#include <memory>

#include "inject/trial.h"

namespace lookout::inject {

std::unique_ptr<Script> make_command_script(const TrialOptions& options);

}  // namespace lookout::inject
