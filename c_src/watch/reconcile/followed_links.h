// The symbolic links that are followed: each with the watches on its path, and the directory that
// it leads to if that is reported at another place.
//
// A directory is reported at one place only. A link to a directory that is already reported stays a
// link, so that circular links, or many links to the same directory, come to an end. Where a link
// leads depends on every component of its path, so all of them are watched.
//
// The memory of a link, and the time of a check, grow with the components of its path, which
// whoever may make links chooses. So the paths of all followed links together have a limit. A link
// beyond it is refused: it stays a link. It is to be checked again when other links have been
// forgotten.
//
// The reader of entries adds a link when it follows it. A link is to be checked again in the next
// round when a component of its path changes, and when a file system is mounted where it leads.
//
// So it is when the directory that it leads to comes to the tree or leaves it, if that may change
// what is reported at the link. Many links may lead to the directory, and all but one stay links.
// So of the links to a directory that has left the tree one is checked in the next round, then two,
// four and so on, until the tree has the directory again.
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

// Components that the paths of all followed links of a watcher may have. Each takes some 40 bytes,
// and the bytes of the paths are kept up to four times: so kBytesAComponent of a path, and of where
// it leads, count as one more. A link of a package manager counts as about 26, so this is enough
// for 40,000 of them.
inline constexpr std::int64_t kMostLinkSteps = 1'048'576;
inline constexpr std::size_t kBytesAComponent = 32;
// A step of the event loop resolves no further link after this many components.
inline constexpr std::uint64_t kLinkStepsASlice = 256;

class FollowedLinks {
 public:
  FollowedLinks(const Tree& tree, PathWatches& paths) : tree_(tree), paths_(paths) {}
  FollowedLinks(const FollowedLinks&) = delete;
  FollowedLinks& operator=(const FollowedLinks&) = delete;

  // Watches the path of a link, which the caller checks afterwards. Until then no target is known.
  // Returns nullopt if the link is refused.
  std::optional<PathWatches::Resolution> follow(const DirEntry& place, const std::string& path);
  void forget(const DirEntry& place);
  // The result of the check of a followed link that leads to a directory which is not reported at
  // the link: another place reports it, so that the link stays a link.
  void reported_elsewhere(const DirEntry& place, Identity target);
  // Or neither is reported, since the rules hide the directory.
  void hidden(const DirEntry& place, Identity target);

  // The tree has gained a directory, or loses it.
  void gained(Identity directory);
  void lost(Identity directory);
  // The links in it are forgotten as well.
  void forget_directory(NodeId directory);
  // File systems were mounted or unmounted at `places`, paths without symbolic links: doubts the
  // links that lead there. Returns the directories that links lead to above them, each with the
  // rest of the path. Looks at each link once at most, however many places there are.
  std::vector<std::pair<NodeId, std::string>> mounted(const std::vector<std::string>& places);
  bool any_unchecked() const {
    return !unchecked_.empty() || !lost_.empty() || (any_refused() && room() > 0);
  }
  // The links to be checked again whose directory is still in the tree. The others are forgotten.
  std::vector<DirEntry> take_unchecked();
  bool any_refused() const { return !refused_.empty(); }

  // Components of the paths that are followed, as they count for kMostLinkSteps.
  std::int64_t steps() const { return steps_; }
  // Components that were resolved since the start.
  std::uint64_t resolved() const { return resolved_; }
  // Links that mounted() has looked at since the start.
  std::uint64_t looked_at() const { return looked_at_; }

 private:
  struct Link;
  using Target = std::pair<std::uint64_t, std::uint64_t>;  // device and inode number
  struct LinksTo {
    std::set<DirEntry> shown;
    std::set<DirEntry> hidden;
  };
  // How far the shown links to a directory that has left the tree were checked.
  struct Lost {
    DirEntry last{kNoNode, ""};
    std::size_t next = 1;  // how many to check in the next round
  };
  // The links that lead somewhere, by the path without symbolic links that each led to at its last
  // check.
  using ByReal = std::multimap<std::string, Link*>;

  struct Link final : PathFollower {
    Link(FollowedLinks& links, DirEntry at) : owner(links), place(std::move(at)) {}
    ~Link() override { owner.paths_.unfollow(*this); }
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;
    void path_changed() override { owner.unchecked_.insert(place); }

    FollowedLinks& owner;
    DirEntry place;
    std::optional<ByReal::iterator> real;
    // The directory it leads to, if that is not reported here.
    std::optional<Identity> target;
    bool hidden = false;
    std::int64_t steps = 0;  // components of its path, as they count for kMostLinkSteps
  };

  std::int64_t room() const { return kMostLinkSteps - steps_; }

  void set_target(const DirEntry& place, Identity target, bool hidden);
  void set_target(Link& link, std::optional<Identity> target, bool hidden = false);
  void take_of_lost();
  bool has_directory(Identity identity) const;
  void set_real(Link& link, std::string real);
  NodeId directory_at(const DirEntry& place) const;

  const Tree& tree_;
  PathWatches& paths_;
  std::map<DirEntry, std::unique_ptr<Link>> links_;
  std::set<DirEntry> unchecked_;
  std::set<DirEntry> refused_;
  std::int64_t steps_ = 0;
  std::uint64_t resolved_ = 0;
  std::uint64_t looked_at_ = 0;
  std::map<Target, LinksTo> by_target_;
  std::map<Target, Lost> lost_;
  ByReal by_real_;
};

}  // namespace lookout
