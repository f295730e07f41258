#include "watch/reconcile/hint_intake.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <limits>

#include "watch/reconcile/content_marks.h"

namespace lookout {
namespace {

std::optional<std::uint64_t> inode_in(std::string_view name) {
  if (!name.starts_with('#')) return std::nullopt;
  std::uint64_t inode = 0;
  const char* const end = name.data() + name.size();
  if (std::from_chars(name.data() + 1, end, inode).ptr != end) return std::nullopt;
  return inode;
}

constexpr std::size_t kMaxUnnamed = 4096;

}  // namespace

void HintIntake::begin_round(std::uint64_t round) {
  round_ = round;
  trail_.prune(round);
  continue_round();
}

void HintIntake::continue_round() {
  taken_up_to_ = trail_.moves();
}

void HintIntake::take(const Hint& hint) {
  if (const NodeId only = tree_.only_with_watch(hint.watch); only != kNoNode) {
    return take_at(only, hint);
  }
  for (const NodeId node : tree_.with_watch(hint.watch)) take_at(node, hint);
  for (const auto& [directory, name] : files_.take(hint)) {
    mounts_.forget_answers();
    touch(directory, name, hint.hints & (hint::kContent | hint::kClosed));
  }
}

// Handles a hint of the watch on `node`.
void HintIntake::take_at(NodeId node, const Hint& hint) {
  if (tree_.has(node, DirMark::remote)) mounts_.forget_answers();
  if (hint.ended) {
    tree_.set_watch(node, kNoWatch);
    tree_.set(node, DirMark::stale);
    tree_.set(node, DirMark::suspect);
    moments_.add_blind(node);
    file_systems_.forget();
  }
  directories_.had_event(node);
  if (!hint.name.empty()) {
    touch(node, hint.name, hint.hints | follow_move(hint, node));
    return;
  }
  const bool gone = hint.ended || (hint.hints & hint::kSelfGone) != 0;
  if (tree_.is_root(node)) {
    sink_.root_needs_check(node);
    // Whether a file with rules is trusted depends on who may put files into its directory.
    if ((hint.hints & hint::kAttributes) != 0 && visibility_.reads_rules(node)) {
      add(node, ".gitignore", 0);
    }
  } else if (!gone && (hint.alone || tree_.has(node, DirMark::linked))) {
    // No watch of a parent reports changes of this directory itself.
    touch(tree_.parent(node), tree_.name(node), hint.hints & hint::kAttributes);
  } else if (gone || (hint.hints & hint::kAttributes) != 0) {
    // If a file system is mounted at the directory, no watch of a parent reports its mode.
    touch(tree_.parent(node), tree_.name(node), 0);
  }
}

// If the trail is full, clears it, lists the directories of its records, and compares their
// entries.
void HintIntake::bound_trail() {
  if (!trail_.full()) return;
  for (const auto& [directory, name] : trail_.take_all()) {
    if (tree_.alive(directory) && tree_.is_directory(directory)) agenda_.add(directory, true);
  }
}

// Records a rename. Returns the hints to add at the name in `hint`: at the new name of a file, the
// hints about its content at the old name.
Hints HintIntake::follow_move(const Hint& hint, NodeId directory) {
  if ((hint.hints & (hint::kMovedFrom | hint::kMovedTo)) == 0) return 0;
  const DirEntry here{directory, std::string(hint.name)};
  if ((hint.hints & hint::kMovedFrom) != 0) trail_.add_moved_from(hint.cookie, here);
  if ((hint.hints & hint::kMovedTo) == 0) return 0;
  bound_trail();
  const auto from = trail_.moved_from(hint.cookie);
  if (!from) {
    trail_.add_arrival(here, false, round_);
    return hint::kUnpaired;
  }
  trail_.add_move(*from, here, Trail::Known::by_hints, round_);
  // A file may have come to the old name by a move that no hint reported, and a process may have
  // written that file before.
  const bool known = tree_.child(from->first, from->second) != kNoNode;
  const bool hinted = trail_.all_hinted(*from).value_or(known);
  // Hints about an entry that is not visible are not processed.
  trail_.add_arrival(here, hinted && visibility_.may_show_within(directory, hint.name, false),
                     round_);
  return (hinted ? 0 : hint::kUnpaired) |
         (next_.hints(from->first, from->second) & hint::kContent) | trail_.orphaned_at(*from);
}

void HintIntake::touch(NodeId directory, std::string_view name, Hints hints) {
  if ((hints & hint::kContent) != 0) mark_content_at(directory, name, hints);
  if (next_.full()) {
    moments_.lose_hints();
    for (const DirtyName& entry : next_.take()) {
      if (tree_.alive(entry.directory) && tree_.is_directory(entry.directory)) {
        agenda_.add(entry.directory, true);
      }
    }
  }
  // Also for an entry of the tree that is not visible here: it may be moving to a visible path.
  if (visibility_.may_show_within(directory, name, true) ||
      visibility_.names_rules(directory, name) || tree_.child(directory, name) != kNoNode) {
    next_.add(directory, name, hints);
  }
}

void HintIntake::touch_below(NodeId directory, std::string_view path) {
  NodeId at = directory;
  while (at != kNoNode && tree_.is_directory(at)) {
    const std::string_view name = path.substr(0, path.find('/'));
    const NodeId child = tree_.child(at, name);
    if (name.size() == path.size() || child == kNoNode) return touch(at, name, 0);
    path.remove_prefix(name.size() + 1);
    at = child;
  }
}

// A hint about content applies to the entry that the tree has under this name, wherever it is
// found.
void HintIntake::mark_content_at(NodeId directory, std::string_view name, Hints hints) {
  const NodeId node = tree_.child(directory, name);
  if (node == kNoNode) {
    // A file may have been opened without a name (O_TMPFILE) and linked later. In events of that
    // descriptor the kernel names it "#" and the inode number (d_tmpfile in Linux's fs/dcache.c).
    if (const auto inode = inode_in(name)) {
      mark_unnamed({tree_.identity(directory).device, *inode}, hints);
    }
    // Moves whose hints arrived before this hint do not concern it.
    constexpr auto kNone = std::numeric_limits<std::uint64_t>::max();
    for (const auto& [place, moved_name] : trail_.onward({directory, std::string(name)}, kNone)) {
      next_.add(place, moved_name, hints & hint::kContent);
    }
    return;
  }
  if (!tree_.is_directory(node)) mark_content(tree_, node, hints);
}

// Records events of an inode without a name, if the tree has names of it now.
void HintIntake::mark_unnamed(Identity identity, Hints hints) {
  if (!tree_.knows(identity) || tree_.is_directory(tree_.link_at(identity, 0))) return;
  if (unnamed_.size() < kMaxUnnamed || unnamed_.contains(identity)) {
    unnamed_[identity] |= hints;
    return;
  }
  // Too many inodes are recorded: a check of one name passes the hints on to the others.
  const NodeId node = tree_.link_at(identity, 0);
  touch(tree_.parent(node), tree_.name(node), hints & hint::kContent);
}

void HintIntake::pass_along_trail(const DirtyName& dirty) {
  const Hints content = dirty.hints & hint::kContent;
  if (content == 0 || (dirty.hints & hint::kPassedOn) != 0) return;
  const DirEntry place{dirty.directory, dirty.name};
  bound_trail();
  trail_.add_orphaned(place, content, round_);
  // follow_move() has passed the hint on for moves whose hints arrived before this round.
  for (const auto& [directory, name] : trail_.onward(place, taken_up_to_))
    next_.add(directory, name, content);
}

bool HintIntake::record_move(const DirEntry& from, const DirEntry& to, Hints hints) {
  if ((hints & hint::kMovedTo) != 0 && trail_.leads(from, to)) return true;
  bound_trail();
  trail_.add_move(from, to, Trail::Known::by_check, round_);
  return false;
}

void HintIntake::rescan_all() {
  ++rescans_;
  moments_.lose_hints();
  file_systems_.forget();
  std::vector<NodeId> all;
  tree_.for_each_directory([&](NodeId directory) { all.push_back(directory); });
  // A scan takes directories from the end of the agenda: the oldest nodes, which are nearer
  // the roots, must be there.
  std::for_each(all.rbegin(), all.rend(), [&](NodeId directory) { agenda_.add(directory, true); });
}

void HintIntake::recheck_mount_points() {
  for (const auto& [directory, name] : files_.all()) touch(directory, name, 0);
  tree_.for_each_directory([&](NodeId node) {
    if (tree_.is_root(node)) return;
    const NodeId parent = tree_.parent(node);
    // The kernel does not signal the mount table when a mount point is moved with a directory above
    // it. A later unmount is then not at the path that the table had.
    if (tree_.has(node, DirMark::mounted) ||
        tree_.identity(node).device != tree_.identity(parent).device) {
      touch(parent, tree_.name(node), 0);
    }
  });
}

}  // namespace lookout
