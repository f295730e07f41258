#include "watch/model/blocked_creates.h"

#include <algorithm>
#include <utility>

namespace lookout {

void BlockedCreates::add(NodeId blocker, Blocked blocked) {
  want(blocked.identity);
  const auto [known, added] = by_blocker_.try_emplace(blocker, blocked);
  if (added) return;
  want_no_more(known->second.identity);
  known->second.identity = blocked.identity;
  Hints& hints = known->second.place.hints;
  hints = hint::merged(hints, blocked.place.hints);
}

std::optional<Blocked> BlockedCreates::release(NodeId blocker) {
  const auto known = by_blocker_.find(blocker);
  if (known == by_blocker_.end()) return std::nullopt;
  Blocked released = std::move(known->second);
  by_blocker_.erase(known);
  want_no_more(released.identity);
  return released;
}

const Blocked* BlockedCreates::find(NodeId blocker) const {
  const auto known = by_blocker_.find(blocker);
  return known == by_blocker_.end() ? nullptr : &known->second;
}

std::vector<NodeId> BlockedCreates::waiting_since_before(std::uint64_t round,
                                                         const Tree& tree) const {
  std::vector<NodeId> blockers;
  for (const auto& [blocker, blocked] : by_blocker_) {
    if (blocked.round < round) blockers.push_back(blocker);
  }
  std::partition(blockers.begin(), blockers.end(),
                 [&](NodeId blocker) { return wants(tree.identity(blocker)); });
  return blockers;
}

void BlockedCreates::want_no_more(Identity identity) {
  const auto wanted = wanted_.find(identity);
  if (--wanted->second == 0) wanted_.erase(wanted);
}

}  // namespace lookout
