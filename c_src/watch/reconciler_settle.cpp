// Entries that left their place: parked until they turn up elsewhere or are deleted.
#include <cerrno>
#include <utility>

#include "watch/hash.h"
#include "watch/reconciler.h"

namespace lookout {

void Reconciler::park(NodeId node) {
  if (tree_.has(node, Mark::parked)) return;
  progress_.change();
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

// Checks the entry again that waited for `blocker` to leave its place.
void Reconciler::release(NodeId blocker) {
  if (auto blocked = blockade_.release(blocker)) round_queue_.add(std::move(blocked->place));
}

// Call it when no other work is left in this round. Returns true if there is more work now.
bool Reconciler::settle() {
  return let_blocker_go() || let_parked_go();
}

// Deletes or replaces a parked entry that has blocked another one since an earlier round,
// preferably one whose inode no blocked entry has. What that frees is settled before the next call.
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
    doom(old, true);  // erase() releases the blocked entry
  } else if (const NodeId source = find_source(waited(place), *seen); unfinished_) {
    blockers_.push_back(old);
  } else {
    const Identity wanted = blockade_.release(old)->identity;
    replace(place, old, *seen, source);
    // The inode number may be that of another blocker, which no blocked entry has any more.
    if (blockade_.wants(wanted)) return;
    for (const NodeId other : parked_with(wanted)) {
      if (blockade_.find(other) != nullptr) blockers_.push_back(other);
    }
  }
}

// Marks that everything dirty in this round has been checked.
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

// Replaces an entry that is no directory by another that is none either: by `source` if that was
// renamed to this place.
void Reconciler::replace(const DirtyName& place, NodeId old, const Look& seen, NodeId source) {
  if (source != kNoNode) {
    erase(old);
    rename(source, place, seen);
  } else if (undecided_) {
    retries_.add_later(place);
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
    round_queue_.add(place);
  }
}

// Queues for deletion what was parked before this round, except inodes that a blocked entry has.
bool Reconciler::let_parked_go() {
  std::erase_if(parked_, [&](const Parked& parked) {
    if (!tree_.alive(parked.node) || !tree_.has(parked.node, Mark::parked)) return true;
    if (parked.round >= round_ || blockade_.wants(tree_.identity(parked.node))) return false;
    doom(parked.node, true);
    return true;
  });
  return !doomed_.empty();
}

void Reconciler::remove_root(NodeId node, const Departure& departure) {
  const auto leave = [&](NodeId gone, bool telling) {
    tree_.set(gone, Mark::doomed);
    departing_.push_back({gone, telling, departure.urgent});
    if (departure.urgent) ++urgent_departures_;
  };
  leave(node, departure.telling);
  for (NodeId at = departure.untold; at != kNoNode; at = next_below(tree_, at, node)) {
    leave(at, false);  // depart() takes the last one first
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

// Also marks the node, since its NodeId may belong to another entry when its turn comes.
void Reconciler::doom(NodeId node, bool telling) {
  tree_.set(node, Mark::doomed);
  doomed_.push_back({node, telling});
}

// Removes one entry of what is queued for deletion, the deepest first.
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
  // Hints about its content that were not processed in time apply to its other links. If hints may
  // be missing, a process may have written through this link without an event.
  Hints content = 0;
  if (tree_.has(leaf, Mark::written)) content |= hint::kWritten;
  if (tree_.has(leaf, Mark::altered)) content |= hint::kAttributes;
  if (content == 0 && moments_.is_blind(tree_.parent(leaf)))
    content = hint::kClosed | hint::kCompare;
  if (content != 0 && !tree_.is_directory(leaf)) pass_on(leaf, content);
  if (!root && doomed.telling) tell(Change::deleted, leaf);
  const std::string path = root ? tree_.path(leaf) : std::string();
  erase(leaf);
  if (root) {
    roots_.forget_root(leaf);
    reported_.forget_root(leaf, path);
    sink_.root_removed(leaf);
  }
}

void Reconciler::erase(NodeId node) {
  progress_.change();
  pass_in_sweeps(node);
  int watch = -1;
  if (tree_.is_directory(node)) {
    watch = tree_.watch(node);
    if (!links_by_target_.empty()) doubt_links_to(tree_.identity(node));
    directories_.drop(node);
    if (!files_.empty()) forget_files(node);
    retries_.forget_directory(node);
    moments_.forget_directory(node);
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
  // A directory that was moved out of the tree still exists: its watch must be removed.
  if (watch >= 0 && !tree_.watch_in_use(watch) && !paths_.holds(watch)) source_.unwatch(watch);
}

}  // namespace lookout
