// Makes a failing script short: drops operations as long as what remains still fails.
#pragma once

#include <chrono>
#include <functional>
#include <vector>

#include "mutator/operation.h"

namespace lookout::oracle {

// `fails` runs a script and tells whether it fails (often enough: a race needs several tries). A
// shorter script that fails, at best one from which no operation can be dropped; `script` itself
// where time is over before.
std::vector<Operation> shrink(std::vector<Operation> script,
                              const std::function<bool(const std::vector<Operation>&)>& fails,
                              std::chrono::seconds at_most);

}  // namespace lookout::oracle
