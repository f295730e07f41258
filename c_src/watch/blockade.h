// Appearances that wait for their place: in the tree a parked entry still stands there. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "watch/dirty_set.h"
#include "watch/tree.h"

namespace lookout {

struct Blocked {
  DirtyName place;
  Identity identity;  // of what stands there on disk
  std::uint64_t round = 0;
};

class Blockade {
 public:
  bool empty() const { return by_blocker_.empty(); }

  // `blocker` stands at the place of an appearance. One that waits there already keeps its round.
  void add(NodeId blocker, Blocked blocked);
  // Takes out what waits for this entry to leave; nullopt for none.
  std::optional<Blocked> release(NodeId blocker);
  // What waits for this entry to leave; nullptr for none.
  const Blocked* find(NodeId blocker) const;

  // Whether an appearance with this identity waits: the entry that the tree knows under it may
  // soon be found to have moved there.
  bool wants(Identity identity) const { return wanted_.contains(identity); }

  // The blockers of what has waited since before `round`, those first that are wanted themselves.
  std::vector<NodeId> waiting_since_before(std::uint64_t round, const Tree& tree) const;

 private:
  void want(Identity identity) { ++wanted_[identity]; }
  void want_no_more(Identity identity);

  std::unordered_map<NodeId, Blocked> by_blocker_;
  std::unordered_map<Identity, std::size_t, HashIdentity> wanted_;  // by how many
};

}  // namespace lookout
