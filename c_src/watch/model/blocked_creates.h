// Blocked appearances. An appearance is an entry that is new at its path; it is blocked while the
// tree still has a parked entry (the blocker) at that path. Makes no system call. Departures owns
// it and calls it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "watch/model/dirty_set.h"
#include "watch/model/tree.h"

namespace lookout {

struct Blocked {
  DirtyName place;
  Identity identity;  // of the entry that exists at that path on disk
  std::uint64_t round = 0;
};

class BlockedCreates {
 public:
  bool empty() const { return by_blocker_.empty(); }

  // Blocks an appearance until `blocker`, the tree's entry at the same path, has left. If one is
  // blocked there already, it keeps its round, takes the new identity and merges the hints.
  void add(NodeId blocker, Blocked blocked);
  // Removes and returns the appearance that this entry blocks; nullopt for none.
  std::optional<Blocked> release(NodeId blocker);
  // The appearance that this entry blocks; nullptr for none.
  const Blocked* find(NodeId blocker) const;

  // Whether an appearance with this identity is blocked. If so, the tree's entry with the same
  // identity may turn out to have been renamed to that path.
  bool wants(Identity identity) const { return wanted_.contains(identity); }

  // The blockers of appearances that were blocked before `round`. Blockers for whose identity
  // wants() holds come first.
  std::vector<NodeId> waiting_since_before(std::uint64_t round, const Tree& tree) const;

 private:
  void want(Identity identity) { ++wanted_[identity]; }
  void want_no_more(Identity identity);

  std::unordered_map<NodeId, Blocked> by_blocker_;
  // The number of blocked appearances with each identity.
  std::unordered_map<Identity, std::size_t, HashIdentity> wanted_;
};

}  // namespace lookout
