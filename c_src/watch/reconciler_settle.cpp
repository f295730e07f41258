// What left its place: parked until it turns up elsewhere or is let go.
#include <cerrno>
#include <utility>

#include "watch/hash.h"
#include "watch/reconciler.h"

namespace lookout {

void Reconciler::park(NodeId node) {
  if (tree_.has(node, Mark::parked)) return;
  progressed_ = true;
  tree_.set(node, Mark::parked);
  parked_.push_back({node, round_});
  const Identity identity = tree_.identity(node);
  if (tree_.links(identity) > 1) parked_names_.emplace(identity.device, identity.inode, node);
}

void Reconciler::unpark(NodeId node) {
  tree_.set(node, Mark::parked, false);
  forget_parked(node);
  release(node);
}

void Reconciler::forget_parked(NodeId node) {
  if (parked_names_.empty()) return;
  const Identity identity = tree_.identity(node);
  parked_names_.erase({identity.device, identity.inode, node});
}

// What waited for this entry to leave its place is looked at again.
void Reconciler::release(NodeId blocker) {
  if (auto blocked = blockade_.release(blocker)) current_.push_back(std::move(blocked->place));
}

// Called when nothing more can move in this round. True when there is something to go on with.
bool Reconciler::settle() {
  return let_blocker_go() || let_parked_go();
}

// Lets a parked entry go that has stood in the way of another since the round before: rather one
// that is not wanted elsewhere. What is freed by that settles before the next one is let go.
bool Reconciler::let_blocker_go() {
  if (std::exchange(blockers_of_, round_) != round_) {
    blockers_ = blockade_.waiting_since_before(round_, tree_);
  }
  while (!blockers_.empty()) {
    const NodeId blocker = blockers_.back();
    blockers_.pop_back();
    const Blocked* blocked = blockade_.find(blocker);
    if (blocked == nullptr || blocked->round >= round_) continue;
    make_way(blocker, *blocked);
    return true;
  }
  return false;
}

void Reconciler::make_way(NodeId old, const Blocked& blocked) {
  const DirtyName place = blocked.place;
  const auto opened = directories_.open(place.directory);
  if (const auto* failure = std::get_if<OpenFailure>(&opened)) {
    blockade_.release(old);
    put_off(place, *failure);
    return;
  }
  const auto looked = look_in(place.directory, std::get<DirectoryFd>(opened), place.name);
  const Look* seen = std::get_if<Look>(&looked);
  if (seen == nullptr || (seen->identity == tree_.identity(old) && seen->type == tree_.type(old))) {
    release(old);
  } else if (tree_.is_directory(old) || seen->type == EntryType::directory ||
             !tree_.has_room_for(seen->identity.device)) {
    doom(old, true);  // erasing it releases what waits
  } else if (const NodeId source = find_source(waited(place), *seen); unfinished_) {
    blockers_.push_back(old);
  } else {
    const Identity wanted = blockade_.release(old)->identity;
    replace(place, old, *seen, source);
    // Its inode number may be that of another blocker, which is not wanted any more.
    if (blockade_.wants(wanted)) return;
    for (const NodeId other : parked_with(wanted)) {
      if (blockade_.find(other) != nullptr) blockers_.push_back(other);
    }
  }
}

// All that is dirty in this round has been checked.
DirtyName Reconciler::waited(DirtyName place) {
  place.hints |= hint::kWaited;
  return place;
}

std::vector<NodeId> Reconciler::parked_with(Identity identity) const {
  if (tree_.links(identity) == 1) return tree_.with_identity(identity);
  std::vector<NodeId> found;
  for (auto at = parked_names_.lower_bound({identity.device, identity.inode, kNoNode});
       at != parked_names_.end(); ++at) {
    const auto [device, inode, node] = *at;
    if (Identity{device, inode} != identity) break;
    found.push_back(node);
  }
  return found;
}

// What is no directory gives its place to another that is none either: to `source` if that was
// renamed to it.
void Reconciler::replace(const DirtyName& place, NodeId old, const Look& seen, NodeId source) {
  if (source != kNoNode) {
    erase(old);
    rename(source, place, seen);
  } else if (undecided_) {
    later_names_.push_back(place);
  } else if (hold(place, seen)) {
    tell(Change::deleted, old);
    erase(old);
  } else if (tree_.type(old) == seen.type) {
    unpark(old);
    for (const Mark mark : {Mark::written, Mark::altered, Mark::missed}) {
      tree_.set(old, mark, false);
    }
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
  std::erase_if(parked_, [&](const Parked& parked) {
    if (!tree_.alive(parked.node) || !tree_.has(parked.node, Mark::parked)) return true;
    if (parked.round >= round_ || blockade_.wants(tree_.identity(parked.node))) return false;
    doom(parked.node, true);
    return true;
  });
  return !doomed_.empty();
}

void Reconciler::uproot(NodeId node, const Departure& departure) {
  const auto leave = [&](NodeId gone, bool telling) {
    tree_.set(gone, Mark::doomed);
    departing_.push_back({gone, telling, departure.urgent});
    if (departure.urgent) ++urgent_departures_;
  };
  leave(node, departure.telling);
  for (NodeId at = departure.untold; at != kNoNode; at = next_below(tree_, at, node)) {
    leave(at, false);  // the last one goes first
  }
  for (Agenda* agenda : {&agenda_, &crawling_}) {
    std::erase_if(agenda->listings,
                  [&](const Listing& listing) { return is_departing(listing.directory); });
  }
}

// Whether the root of a directory was given up: what is below it is deleted, not checked.
bool Reconciler::is_departing(NodeId directory) const {
  return !departing_.empty() && tree_.has(tree_.root_of(directory), Mark::doomed);
}

void Reconciler::depart() {
  const std::size_t before = departing_.size();
  const bool urgent = departing_.back().urgent;
  delete_from(departing_);
  if (urgent && departing_.size() < before) --urgent_departures_;
}

// Marked as well, since by the time it is its turn the number may stand for another entry.
void Reconciler::doom(NodeId node, bool telling) {
  tree_.set(node, Mark::doomed);
  doomed_.push_back({node, telling});
}

// Removes one entry of what was let go, the deepest first.
void Reconciler::delete_from(std::vector<Doomed>& stack) {
  const Doomed doomed = stack.back();
  if (!tree_.alive(doomed.node) || !tree_.has(doomed.node, Mark::doomed)) {
    stack.pop_back();
    return;
  }
  NodeId leaf = doomed.node;
  while (tree_.is_directory(leaf) && tree_.first_child(leaf) != kNoNode) {
    leaf = tree_.first_child(leaf);
  }
  if (leaf == doomed.node) stack.pop_back();
  const bool root = tree_.is_root(leaf);
  // What was hinted of its content, and not looked at in time, counts for its other links. Where
  // hints may be missing it may have been written through unseen.
  Hints content = 0;
  if (tree_.has(leaf, Mark::written)) content |= hint::kWritten;
  if (tree_.has(leaf, Mark::altered)) content |= hint::kAttributes;
  if (content == 0 && blind_.count(tree_.parent(leaf)) != 0)
    content = hint::kClosed | hint::kCompare;
  if (content != 0 && !tree_.is_directory(leaf)) pass_on(leaf, content);
  if (!root && doomed.telling) tell(Change::deleted, leaf);
  const std::string path = root ? tree_.path(leaf) : std::string();
  erase(leaf);
  if (root) {
    roots_.erase(leaf);
    reported_.forget_root(leaf, path);
    sink_.uprooted(leaf);
  }
}

void Reconciler::erase(NodeId node) {
  progressed_ = true;
  pass_in_sweeps(node);
  int watch = -1;
  if (tree_.is_directory(node)) {
    watch = tree_.watch(node);
    if (!links_by_target_.empty()) doubt_links_to(tree_.identity(node));
    directories_.drop(node);
    if (!files_.empty()) forget_files(node);
    polled_.erase(node);
    failed_.erase(node);
    denied_.erase(node);
    vanished_.erase(node);
    blind_.erase(node);
    visibility_.forget(node);
    reported_.forget_directory(node);
    for (Agenda* agenda : {&agenda_, &crawling_}) {
      std::erase_if(agenda->listings,
                    [node](const Listing& listing) { return listing.directory == node; });
      if (agenda->loading && agenda->loading->directory == node) agenda->loading.reset();
    }
  }
  content_told_.erase(node);
  forget_parked(node);
  release(node);
  const Identity identity = tree_.identity(node);
  tree_.remove(node);
  forget_compared(identity);
  // A directory that was moved away lives on: its watch must not.
  if (watch >= 0 && !tree_.watch_in_use(watch) && !paths_.holds(watch)) source_.unwatch(watch);
}

}  // namespace lookout
