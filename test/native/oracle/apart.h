// Trials that need their own limit of inotify watches, or their own mounts, run in a child process:
// a process cannot leave a namespace again.
#pragma once

#include "oracle/trial.h"

namespace lookout::oracle {

// Whether trials with this fault need their own namespaces.
bool needs_namespaces(Fault fault);

// Runs run_trial(), in a child with its own user and mount namespaces if this fault needs them. If
// they cannot be created, the outcome says that the trial was skipped.
Outcome run_trial_apart(const TrialOptions& options);

}  // namespace lookout::oracle
