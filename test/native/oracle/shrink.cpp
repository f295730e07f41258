#include "oracle/shrink.h"

#include <algorithm>
#include <utility>

namespace lookout::oracle {
namespace {

using Script = std::vector<Operation>;

Script without(const Script& script, std::size_t begin, std::size_t end) {
  Script shorter(script.begin(), script.begin() + static_cast<std::ptrdiff_t>(begin));
  shorter.insert(shorter.end(), script.begin() + static_cast<std::ptrdiff_t>(end), script.end());
  return shorter;
}

// A stall without its resume, or the other way round, would leave the judge waiting.
bool balanced(const Script& script) {
  bool stalled = false;
  for (const Operation& operation : script) {
    if (operation.verb == Verb::stall && std::exchange(stalled, true)) return false;
    if (operation.verb == Verb::resume && !std::exchange(stalled, false)) return false;
    if (operation.verb == Verb::rest && stalled) return false;
  }
  return !stalled;
}

}  // namespace

std::vector<Operation> shrink(std::vector<Operation> script,
                              const std::function<bool(const std::vector<Operation>&)>& fails,
                              std::chrono::seconds at_most) {
  auto deadline = std::chrono::steady_clock::now() + at_most;
  for (std::size_t piece = std::max<std::size_t>(script.size() / 2, 1);;) {
    bool dropped = false;
    // From the end: what comes late matters least once the failure is reached.
    for (std::size_t end = script.size(); end > 0;) {
      if (std::chrono::steady_clock::now() > deadline) return script;
      std::size_t begin = end > piece ? end - piece : 0;
      Script shorter = without(script, begin, end);
      if (balanced(shorter) && fails(shorter)) {
        script = std::move(shorter);
        dropped = true;
      }
      end = std::min(begin, script.size());
    }
    if (piece == 1 && !dropped) return script;
    if (!dropped || piece > script.size()) piece = std::max<std::size_t>(piece / 2, 1);
  }
}

}  // namespace lookout::oracle
