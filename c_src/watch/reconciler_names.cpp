// Entries that are names of one inode (hard links): which of them was renamed, and what a change of
// one means for the others.
//
// A file may have 65,000 names, so not every event may cause a check of all of them: a name is
// checked at most once per round, and in steps.
#include <algorithm>
#include <cstddef>
#include <utility>

#include "watch/reconciler.h"

namespace lookout {
namespace {

constexpr std::size_t kFewNames = 8;  // up to this many names are checked in one step
constexpr std::size_t kNamesAStep = 16;
constexpr std::size_t kPassedOnAStep = 64;
constexpr std::size_t kMostUnnamed = 4096;

}  // namespace

// Returns the entry that was renamed to `place`: one with the same identity that is gone from its
// place in the tree. Returns kNoNode if there is none, or if that is not known yet: then it sets
// `unfinished_` or `undecided_`.
NodeId Reconciler::find_source(const DirtyName& place, const Look& seen) {
  undecided_ = unfinished_ = false;
  const bool directory = seen.type == EntryType::directory;
  if (!directory && tree_.links(seen.identity) > kFewNames) return find_among_many(place, seen);
  std::vector<NodeId> candidates = tree_.with_identity(seen.identity);
  std::erase_if(candidates, [&](NodeId node) {
    if (!may_be_source(node, place, seen)) return true;
    return directory && (tree_.has(node, DirMark::opaque) || roots_.is_flat(place.directory) ||
                         on_two_mounts(tree_.parent(node), place.directory));
  });
  std::stable_partition(candidates.begin(), candidates.end(),
                        [&](NodeId node) { return tree_.parent(node) == place.directory; });
  std::stable_partition(candidates.begin(), candidates.end(),
                        [&](NodeId node) { return tree_.has(node, Mark::parked); });
  const auto found = std::find_if(candidates.begin(), candidates.end(),
                                  [&](NodeId node) { return !stands(node, place.hints); });
  return found == candidates.end() ? kNoNode : *found;
}

// rename(2) leaves an entry on its mount. A directory that appears on another mount is visible at
// both places, with other file systems mounted below. The directories `from` and `to` may have
// moved themselves, so the mounts are those of the nearest mount points above them, which rename(2)
// does not move.
bool Reconciler::on_two_mounts(NodeId from, NodeId to) {
  const NodeId one = mount_point_above(from);
  const NodeId other = mount_point_above(to);
  if (one == other) return false;
  const auto mount = [this](NodeId directory) -> std::uint64_t {
    const auto opened = directories_.open(directory);
    const auto* const fd = std::get_if<DirectoryFd>(&opened);
    return fd == nullptr || (*fd)->mount() ? 0 : mount_of((*fd)->get());
  };
  const std::uint64_t first = mount(one);
  const std::uint64_t second = mount(other);
  if (first != 0 && second != 0) return first != second;
  return tree_.has(one, DirMark::mounted) || tree_.has(other, DirMark::mounted);
}

// The nearest directory, from this one upwards, that is a mount point, a root, or reached through a
// symbolic link.
NodeId Reconciler::mount_point_above(NodeId directory) const {
  NodeId at = directory;
  while (!tree_.is_root(at) && !tree_.has(at, DirMark::mounted) &&
         !tree_.has(at, DirMark::linked)) {
    at = tree_.parent(at);
  }
  return at;
}

// Whether `node` may be the entry that appeared at `place`. The kernel reuses inode numbers: a
// removed file and a new one may share theirs. A directory that still has its watch is the same
// inode.
bool Reconciler::may_be_source(NodeId node, const DirtyName& place, const Look& seen) const {
  if (tree_.is_root(node) || tree_.type(node) != seen.type) return false;
  if (is_departing(tree_.parent(node))) return false;
  if ((place.hints & hint::kMovedTo) != 0 || was_born_before(moments_.known(node), seen))
    return true;
  return tree_.is_directory(node) && tree_.watch(node) >= 0;
}

// Among many names, those whose departure an event would have reported need no check: such a name
// is parked when all dirty names of the round have been checked, so this waits for that first. If
// events may be missing, every name is checked, once per round.
NodeId Reconciler::find_among_many(const DirtyName& place, const Look& seen) {
  auto parked = parked_names_.lower_bound({seen.identity.device, seen.identity.inode, kNoNode});
  for (std::size_t i = 0; i < kFewNames && parked != parked_names_.end(); ++i, ++parked) {
    const auto [device, inode, node] = *parked;
    if (Identity{device, inode} != seen.identity) break;
    if (may_be_source(node, place, seen)) return node;
  }
  if ((place.hints & hint::kWaited) == 0) {
    unfinished_ = true;
    return kNoNode;
  }
  const bool linked = (place.hints & (hint::kCreated | hint::kMovedTo)) == hint::kCreated;
  if (linked || (!moments_.any_blind() && !moments_.hints_lost())) return kNoNode;

  const std::size_t names = tree_.links(seen.identity);
  NameCheck& check = name_checks_.try_emplace(seen.identity, NameCheck{names}).first->second;
  check.left = std::min(check.left, names);
  for (std::size_t i = 0; i < kNamesAStep && check.left > 0; ++i) {
    const NodeId node = tree_.link_at(seen.identity, --check.left);
    if (may_be_source(node, place, seen) && !stands(node, place.hints)) return node;
    check.undecided = check.undecided || undecided_;
  }
  undecided_ = check.undecided;
  unfinished_ = check.left > 0;
  return kNoNode;
}

// Checks `place` again after everything that is dirty now.
void Reconciler::wait_for_names(DirtyName place) {
  place.hints |= hint::kWaited;
  if (held_since_) held_[{place.directory, place.name}] = {place.hints, *held_since_};
  round_queue_.add(std::move(place));
}

// Whether all names of an inode have been compared with `seen`, or will be. If not, this records
// `seen`, and the caller must have all names compared.
bool Reconciler::are_compared(const Look& seen) {
  if (tree_.links(seen.identity) <= kFewNames) return false;
  const auto [compared, added] = compared_.try_emplace(seen.identity, seen.signature());
  return !added && std::exchange(compared->second, seen.signature()) == seen.signature();
}

void Reconciler::set_signature(NodeId node, const Look& seen) {
  tree_.set_signature(node, seen.signature());
  if (const auto salt = tree_.salt()) tree_.set_stamp(node, stamp_of(seen, *salt));
  const auto compared = compared_.find(seen.identity);
  if (compared != compared_.end() && compared->second != seen.signature()) {
    compared_.erase(compared);
  }
}

void Reconciler::forget_compared(Identity identity) {
  if (!compared_.empty() && tree_.links(identity) <= kFewNames) compared_.erase(identity);
}

// A hint about one name of a file applies to its other names. They are checked once per round, no
// matter which name the hint was passed on from.
void Reconciler::pass_on(NodeId node, Hints hints) {
  const Identity identity = tree_.identity(node);
  const std::size_t names = tree_.links(identity);
  if (names < 2) return;
  PassedOn& passed = passed_on_.try_emplace(identity, PassedOn{0, node}).first->second;
  if (passed.but != node && passed.but != kNoNode) {
    const NodeId but = std::exchange(passed.but, kNoNode);
    if (tree_.alive(but) && tree_.identity(but) == identity) pass_on_to(but, hints);
  }
  if ((passed.hints & hint::kWritten) != 0 || (hints & ~passed.hints) == 0) return;
  passed.hints |= hints;
  passed.but = node;
  passing_on_.push_back({identity, hints, node, names});
}

void Reconciler::pass_on_to(NodeId node, Hints hints) {
  if (tree_.is_root(node)) return;
  mark(node, hints);
  round_queue_.add({tree_.parent(node), std::string(tree_.name(node)), hints | hint::kPassedOn});
}

bool Reconciler::pass_on_step() {
  if (passing_on_.empty()) return false;
  PassingOn& task = passing_on_.front();
  task.left = std::min(task.left, tree_.links(task.identity));
  for (std::size_t i = 0; i < kPassedOnAStep && task.left > 0; ++i) {
    const NodeId node = tree_.link_at(task.identity, --task.left);
    if (node != task.but) pass_on_to(node, task.hints);
  }
  if (task.left == 0) passing_on_.pop_front();
  return true;
}

// Records events of an inode without a name, if the tree has names of it now.
void Reconciler::mark_unnamed(Identity identity, Hints hints) {
  if (!tree_.knows(identity) || tree_.is_directory(tree_.link_at(identity, 0))) return;
  if (unnamed_.size() < kMostUnnamed || unnamed_.contains(identity)) {
    unnamed_[identity] |= hints;
    return;
  }
  // Too many inodes are recorded: a check of one name passes the hints on to the others.
  const NodeId node = tree_.link_at(identity, 0);
  touch(tree_.parent(node), tree_.name(node), hints & hint::kContent);
}

void Reconciler::pass_on_unnamed() {
  for (const auto& [identity, hints] : std::exchange(unnamed_, {})) {
    passed_on_[identity] = {hints, kNoNode};
    passing_on_.push_back({identity, hints, kNoNode, tree_.links(identity)});
  }
}

}  // namespace lookout
