// What left its place: parked until it turns up elsewhere or is let go.
#include <cerrno>
#include <utility>

#include "watch/hash.h"
#include "watch/reconciler.h"

namespace lookout {
namespace {

constexpr std::size_t kReplacedAStep = 64;

struct IdentityHash {
  std::size_t operator()(const Identity& identity) const {
    return mix(identity.inode ^ hash_seed(), identity.device);
  }
};
using IdentitySet = std::unordered_set<Identity, IdentityHash>;

}  // namespace

void Reconciler::park(NodeId node) {
  if (tree_.has(node, Mark::parked)) return;
  progressed_ = true;
  tree_.set(node, Mark::parked);
  parked_.push_back({node, round_});
}

void Reconciler::unpark(NodeId node) {
  tree_.set(node, Mark::parked, false);
}

// Called when nothing more can move in this round. True when there is something to go on with.
bool Reconciler::settle() {
  return free_ways() || let_blockers_go() || let_parked_go();
}

// Blocked appearances whose place is free, or holds what it should, are looked at again.
bool Reconciler::free_ways() {
  bool freed = false;
  std::erase_if(blocked_, [&](Blocked& blocked) {
    const DirtyName& place = blocked.place;
    if (!tree_.alive(place.directory) || !tree_.is_directory(place.directory)) return true;
    const NodeId in_the_way = tree_.child(place.directory, place.name);
    if (in_the_way != kNoNode && tree_.has(in_the_way, Mark::parked)) return false;
    current_.push_back(std::move(blocked.place));
    freed = true;
    return true;
  });
  return freed;
}

// Lets parked entries go that stand in the way of others since the round before: those that are
// not wanted elsewhere, or, in a cycle, one that is.
bool Reconciler::let_blockers_go() {
  IdentitySet wanted;
  for (const Blocked& blocked : blocked_) wanted.insert(blocked.identity);
  std::vector<Blocked> chosen;
  const auto choose = [&](bool also_wanted, std::size_t most) {
    std::erase_if(blocked_, [&](Blocked& blocked) {
      if (blocked.round >= round_ || chosen.size() >= most) return false;
      const NodeId old = tree_.child(blocked.place.directory, blocked.place.name);
      if (!also_wanted && wanted.contains(tree_.identity(old))) return false;
      chosen.push_back(std::move(blocked));
      return true;
    });
  };
  choose(false, kReplacedAStep);
  if (chosen.empty()) choose(true, 1);
  for (Blocked& blocked : chosen) make_way(std::move(blocked));
  return !chosen.empty();
}

void Reconciler::make_way(Blocked blocked) {
  const DirtyName& place = blocked.place;
  const NodeId old = tree_.child(place.directory, place.name);
  if (old == kNoNode || !tree_.has(old, Mark::parked)) {
    current_.push_back(std::move(blocked.place));
    return;
  }
  const auto opened = directories_.open(place.directory);
  if (const auto* failure = std::get_if<OpenFailure>(&opened)) {
    put_off(place, *failure);
    return;
  }
  const auto looked = look_at(std::get<DirectoryFd>(opened)->get(), place.name);
  const Look* seen = std::get_if<Look>(&looked);
  if (seen == nullptr || (seen->identity == tree_.identity(old) && seen->type == tree_.type(old))) {
    current_.push_back(std::move(blocked.place));
  } else if (tree_.is_directory(old) || seen->type == EntryType::directory) {
    doom(old, true);
    blocked_.push_back(std::move(blocked));
  } else {
    replace(place, old, *seen);
  }
}

// What is no directory gives its place to another that is none either.
void Reconciler::replace(const DirtyName& place, NodeId old, const Look& seen) {
  if (const NodeId source = find_source(place, seen); source != kNoNode) {
    erase(old);
    rename(source, place, seen);
  } else if (tree_.type(old) == seen.type) {
    unpark(old);
    tree_.set(old, Mark::written, false);
    tree_.set(old, Mark::altered, false);
    tree_.set_identity(old, seen.identity);
    tell(Change::modified, old);
    settle_new(old, seen, place.hints);
  } else {
    tell(Change::deleted, old);
    erase(old);
    current_.push_back(place);
  }
}

// Lets go what was parked before this round, but for what a blocked appearance is waiting for.
bool Reconciler::let_parked_go() {
  IdentitySet wanted;
  for (const Blocked& blocked : blocked_) wanted.insert(blocked.identity);
  std::erase_if(parked_, [&](const Parked& parked) {
    if (!tree_.alive(parked.node) || !tree_.has(parked.node, Mark::parked)) return true;
    if (parked.round >= round_ || wanted.contains(tree_.identity(parked.node))) return false;
    doom(parked.node, true);
    return true;
  });
  return !doomed_.empty();
}

void Reconciler::uproot(NodeId root, bool telling) {
  doom(root, telling);
}

// Marked as well, since by the time it is its turn the number may stand for another entry.
void Reconciler::doom(NodeId node, bool telling) {
  tree_.set(node, Mark::doomed);
  doomed_.push_back({node, telling});
}

// Removes one entry of what was let go, the deepest first.
void Reconciler::doom_step() {
  const Doomed doomed = doomed_.back();
  if (!tree_.alive(doomed.node) || !tree_.has(doomed.node, Mark::doomed)) {
    doomed_.pop_back();
    return;
  }
  NodeId leaf = doomed.node;
  while (tree_.is_directory(leaf) && tree_.first_child(leaf) != kNoNode) {
    leaf = tree_.first_child(leaf);
  }
  if (leaf == doomed.node) doomed_.pop_back();
  const bool root = tree_.is_root(leaf);
  if (!root && doomed.telling) tell(Change::deleted, leaf);
  erase(leaf);
  if (root) {
    roots_.erase(leaf);
    sink_.uprooted(leaf);
  }
}

void Reconciler::erase(NodeId node) {
  progressed_ = true;
  int watch = -1;
  if (tree_.is_directory(node)) {
    watch = tree_.watch(node);
    directories_.drop(node);
    polled_.erase(node);
    for (Agenda* agenda : {&agenda_, &crawling_}) {
      if (agenda->listing && agenda->listing->directory == node) agenda->listing.reset();
    }
  }
  content_told_.erase(node);
  tree_.remove(node);
  // A directory that was moved away lives on: its watch must not.
  if (watch >= 0 && !tree_.watch_in_use(watch) && !places_.holds(watch)) source_.unwatch(watch);
}

}  // namespace lookout
