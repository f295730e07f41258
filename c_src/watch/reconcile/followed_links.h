// The symbolic links that are followed: each with the watches on its path, and the directory that
// it leads to if that is reported at another place.
//
// A directory is reported at one place only. A link to a directory that is already reported stays a
// link, so that circular links, or many links to the same directory, come to an end. Where a link
// leads depends on every component of its path, so all of them are watched.
//
// The reader of entries adds a link when it follows it. A link is to be checked again when a
// component of its path changes, when a file system is mounted where it leads, and when the
// directory that it leads to comes to the tree or leaves it; the reconciler does that in the next
// round.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "watch/disk/path_watches.h"
#include "watch/model/trail.h"
#include "watch/model/tree.h"

namespace lookout {

class FollowedLinks {
 public:
  FollowedLinks(const Tree& tree, PathWatches& paths) : tree_(tree), paths_(paths) {}
  FollowedLinks(const FollowedLinks&) = delete;
  FollowedLinks& operator=(const FollowedLinks&) = delete;

  // Watches the path of a link, which the caller checks afterwards. Until then no target is known.
  PathWatches::Resolution follow(const DirEntry& place, const std::string& path);
  void forget(const DirEntry& place);
  // Records the directory that a followed link leads to and that another place reports.
  void set_target(const DirEntry& place, Identity target);

  // The tree loses or gains a directory: links to it must be checked again.
  void recheck_links_to(Identity directory);
  void forget_directory(NodeId directory) { recheck_links_to(tree_.identity(directory)); }
  // A file system was mounted or unmounted at `place`, a path without symbolic links: doubts the
  // links that lead there. Returns the directories that links lead to above it, each with the rest
  // of the path.
  std::vector<std::pair<NodeId, std::string>> mounted(const std::string& place);
  bool any_unchecked() const { return !unchecked_.empty(); }
  // The links to be checked again whose directory is still in the tree. The others are forgotten.
  std::vector<DirEntry> take_unchecked();

 private:
  struct Link final : PathFollower {
    Link(FollowedLinks& links, DirEntry at) : owner(links), place(std::move(at)) {}
    ~Link() override { owner.paths_.unfollow(*this); }
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;
    void path_changed() override { owner.unchecked_.insert(place); }

    FollowedLinks& owner;
    DirEntry place;
    std::string real;  // the path that it led to at the last check
    // The directory it leads to, if that is reported at another place.
    std::optional<Identity> target;
  };

  void set_target(Link& link, std::optional<Identity> target);

  const Tree& tree_;
  PathWatches& paths_;
  std::map<DirEntry, std::unique_ptr<Link>> links_;
  std::set<DirEntry> unchecked_;
  // The links with a target, by its device and inode number.
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::set<DirEntry>> by_target_;
};

}  // namespace lookout
