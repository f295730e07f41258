#include "watch/reconcile/rename_finder.h"

#include <algorithm>
#include <vector>

#include "watch/reconcile/hard_links.h"

namespace lookout {
namespace {

constexpr std::size_t kNamesPerStep = 16;

}  // namespace

RenameFinder::Source RenameFinder::find(const DirtyName& place, const FileStatus& seen) {
  reader_.reset_undecided();
  const bool directory = seen.type == EntryType::directory;
  if (!directory && tree_.links(seen.identity) > HardLinks::kFewNames) {
    return find_among_many(place, seen);
  }
  std::vector<NodeId> candidates = tree_.with_identity(seen.identity);
  std::erase_if(candidates, [&](NodeId node) {
    if (!may_be_source(node, place, seen)) return true;
    // Nor does rename(2) make a directory a mount point, where another view of it may be mounted.
    return directory && (tree_.has(node, DirMark::opaque) || roots_.is_flat(place.directory) ||
                         tree_.has(node, DirMark::mounted) != seen.mounted ||
                         on_two_mounts(tree_.parent(node), place.directory));
  });
  std::stable_partition(candidates.begin(), candidates.end(),
                        [&](NodeId node) { return tree_.parent(node) == place.directory; });
  std::stable_partition(candidates.begin(), candidates.end(),
                        [&](NodeId node) { return tree_.has(node, Mark::parked); });
  const auto found = std::find_if(candidates.begin(), candidates.end(),
                                  [&](NodeId node) { return !reader_.exists(node, place.hints); });
  return {found == candidates.end() ? kNoNode : *found, reader_.is_undecided(), false};
}

// rename(2) leaves an entry on its mount. A directory that appears on another mount is visible at
// both places, with other file systems mounted below. The directories `from` and `to` may have
// moved themselves, so the mounts are those of the nearest mount points above them, which rename(2)
// does not move.
bool RenameFinder::on_two_mounts(NodeId from, NodeId to) {
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
NodeId RenameFinder::mount_point_above(NodeId directory) const {
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
bool RenameFinder::may_be_source(NodeId node, const DirtyName& place,
                                 const FileStatus& seen) const {
  if (tree_.is_root(node) || tree_.type(node) != seen.type) return false;
  if (tree_.has(node, Mark::deleting) || departures_.is_removed(tree_.parent(node))) return false;
  if ((place.hints & hint::kMovedTo) != 0 || was_born_before(moments_.known(node), seen)) {
    return true;
  }
  return tree_.is_directory(node) && tree_.watch(node) != kNoWatch;
}

// Among many names, those whose departure an event would have reported need no check: such a name
// is parked when all dirty names of the round have been checked, so this waits for that first. If
// events may be missing, every name is checked, once per round.
RenameFinder::Source RenameFinder::find_among_many(const DirtyName& place, const FileStatus& seen) {
  for (const NodeId node : departures_.parked_names(seen.identity, HardLinks::kFewNames)) {
    if (may_be_source(node, place, seen)) return {node};
  }
  if ((place.hints & hint::kWaited) == 0) return {.unfinished = true};
  const bool linked = (place.hints & (hint::kCreated | hint::kMovedTo)) == hint::kCreated;
  if (linked || (!moments_.any_blind() && !moments_.hints_lost())) return {};

  const std::size_t names = tree_.links(seen.identity);
  Check& check = checks_.try_emplace(seen.identity, Check{names}).first->second;
  check.left = std::min(check.left, names);
  for (std::size_t i = 0; i < kNamesPerStep && check.left > 0; ++i) {
    const NodeId node = tree_.link_at(seen.identity, --check.left);
    if (may_be_source(node, place, seen) && !reader_.exists(node, place.hints)) return {node};
    check.undecided = check.undecided || reader_.is_undecided();
  }
  return {kNoNode, check.undecided, check.left > 0};
}

}  // namespace lookout
