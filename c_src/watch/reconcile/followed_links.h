// The symbolic links that are followed, each with the watches on its path, and with its target if
// that is a directory which is not reported at the link. Reconciler owns it; EntryReader adds the
// links.
//
// A directory is reported at one path only. If another path already reports the target of a link,
// the link is reported as a link. So cycles end, and a directory with many links is reported once.
// The target of a link depends on every component of its path, so all components are watched.
//
// The memory and the time that a link takes grow with the number of components of its path, and any
// user who may create links can make that number large. So the bytes of all followed links together
// have a limit. A link beyond the limit is refused: it is reported as a link, and is checked again
// when other links have been forgotten.
//
// A link is checked again in the next round
//  - when a component of its path has changed;
//  - when a file system was mounted at its target;
//  - when its target was added to the tree or removed from it, if that may change what is reported
//    at the link. When a target is removed, only one of its links can take its place. So one of
//    them is checked in the next round, then two, four and so on, until the tree has the directory
//    again.
#pragma once

#include <cstddef>
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

// The maximum number of bytes that all followed links of a watcher take, estimated as if they
// shared no component of their paths. A link of a package manager, with 20 components and a path of
// 100 bytes, counts as 3,000, so the limit allows 45,000 such links.
inline constexpr std::int64_t kMaxLinkBytes = std::int64_t{128} << 20;
// A step of the engine resolves no further link after this many components.
inline constexpr std::uint64_t kLinkComponentsPerStep = 256;

class FollowedLinks {
 public:
  FollowedLinks(const Tree& tree, PathWatches& paths) : tree_(tree), paths_(paths) {}
  FollowedLinks(const FollowedLinks&) = delete;
  FollowedLinks& operator=(const FollowedLinks&) = delete;

  // Resolves the path of a link and watches it. The caller checks the link afterwards; if it leads
  // to a directory that is not reported at the link, the caller then calls set_reported_as_link()
  // or set_invisible(). Returns nullopt if the link is refused.
  std::optional<PathWatches::Resolution> follow(const DirEntry& entry, const std::string& path);
  void forget(const DirEntry& entry);
  // The target is reported at another path, so the link is reported as a link.
  void set_reported_as_link(const DirEntry& entry, Identity target);
  // The rules make the target invisible here, so neither the target nor the link is reported.
  void set_invisible(const DirEntry& entry, Identity target);

  // The tree has a new directory: the links whose target was invisible are checked again.
  void directory_added(Identity directory);
  // The tree is about to lose a directory: one of the links to it may be reported as the directory.
  void directory_removed(Identity directory);
  // As directory_removed(), and forgets the links in the directory.
  void forget_directory(NodeId directory);
  // File systems were mounted or unmounted at `paths`, which contain no symbolic links. The links
  // whose target is one of the paths are checked again. Returns the directories of the tree that
  // are reported at a link and contain one of the paths, each with the rest of that path. Visits
  // each link once at most, however many paths there are.
  std::vector<std::pair<NodeId, std::string>> mounted(const std::vector<std::string>& paths);
  bool any_unchecked() const {
    return !unchecked_.empty() || !removed_.empty() || (any_refused() && remaining_bytes() > 0);
  }
  // Returns the links to be checked again. Forgets those whose parent directory has left the tree.
  std::vector<DirEntry> take_unchecked();
  bool any_refused() const { return !refused_.empty(); }

  // The number of bytes of all followed links, as they count for kMaxLinkBytes.
  std::int64_t bytes() const { return bytes_; }
  // The number of components that were resolved since the start.
  std::uint64_t resolved() const { return resolved_; }
  // The number of links that mounted() has visited since the start, for tests.
  std::uint64_t visited() const { return visited_; }

 private:
  struct Link;
  using Target = std::pair<std::uint64_t, std::uint64_t>;  // device and inode number
  struct LinksTo {
    std::set<DirEntry> as_links;   // reported as links: another path reports the target
    std::set<DirEntry> invisible;  // not reported: the rules make the target invisible
  };
  // The progress of the checks of the links to a directory that was removed from the tree.
  struct RemovedTarget {
    DirEntry last{kNoNode, ""};  // the last link that was checked
    std::size_t next = 1;        // how many to check in the next round
  };
  // The links that do not dangle, by the path of the target (without symbolic links) at the last
  // check.
  using ByReal = std::multimap<std::string, Link*>;

  struct Link final : PathFollower {
    Link(FollowedLinks& links, DirEntry at) : owner(links), entry(std::move(at)) {}
    ~Link() override { owner.paths_.unfollow(*this); }
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;
    void path_changed() override { owner.unchecked_.insert(entry); }

    FollowedLinks& owner;
    DirEntry entry;
    std::optional<ByReal::iterator> real;
    // The directory that it leads to, unless the link is reported as that directory.
    std::optional<Identity> target;
    bool invisible = false;  // see LinksTo
    std::int64_t bytes = 0;  // as they count for kMaxLinkBytes
  };

  std::int64_t remaining_bytes() const { return kMaxLinkBytes - bytes_; }

  void set_target(const DirEntry& entry, Identity target, bool invisible);
  void set_target(Link& link, std::optional<Identity> target, bool invisible = false);
  void take_links_to_removed();
  bool has_directory(Identity identity) const;
  void set_real(Link& link, std::string real);
  NodeId directory_at(const DirEntry& entry) const;

  const Tree& tree_;
  PathWatches& paths_;
  std::map<DirEntry, std::unique_ptr<Link>> links_;
  std::set<DirEntry> unchecked_;
  std::set<DirEntry> refused_;
  std::int64_t bytes_ = 0;
  std::uint64_t resolved_ = 0;
  std::uint64_t visited_ = 0;
  std::map<Target, LinksTo> by_target_;
  std::map<Target, RemovedTarget> removed_;
  ByReal by_real_;
};

}  // namespace lookout
