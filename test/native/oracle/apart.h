// Trials that need a limit or mounts of their own run in a child process: a namespace that was
// entered cannot be left again.
#pragma once

#include "oracle/trial.h"

namespace lookout::oracle {

// Whether this fault needs namespaces of its own.
bool needs_namespaces(Fault fault);

// run_trial() in a child with user and mount namespaces of its own, where this fault needs them.
// Where they cannot be had, the outcome says that the trial was skipped.
Outcome run_trial_apart(const TrialOptions& options);

}  // namespace lookout::oracle
