// The paths that are watched, and the node of each in the tree. RootManager owns them; the classes
// of roots/ and ListReader call them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "support/error.h"
#include "watch/disk/path_watches.h"
#include "watch/model/tree.h"
#include "watch/model/visibility.h"
#include "watch/model/watch_options.h"
#include "watch/roots/rules_above.h"

namespace lookout {

// What exists at a path that is to be watched: a directory, or a single file in one.
struct Target {
  std::string directory;  // the directory to be opened
  std::string only;       // the name of a single file in it; empty for the directory itself
  Identity identity;      // of the directory
  bool linked = false;    // the single file is named by a symbolic link, which is followed
};

// Checks a path, symbolic links followed. Errors: with the errno of stat(2) or open(2) as their
// code, or with Cause::outside.
Result<Target> probe(const std::string& path);
// The same without a call that a remote mount could block. EAGAIN or ETIMEDOUT if one on the path
// does not answer.
Result<Target> probe(const RemoteMounts& mounts, const std::string& path);

struct Root;
using RootPointer = std::shared_ptr<Root>;

// A directory that is watched, or a single file.
//
// Single files have no node of their own: those in one directory share a base, a root that is
// limited to their names and that users do not see.
struct Root : std::enable_shared_from_this<Root> {
  enum class Phase : std::uint8_t {
    absent,      // it has no node: nothing exists there, another root covers it, or it has a base
    crawling,    // what is below it is being loaded
    unreported,  // loaded, and still to be reported
    reporting,
    reported,
    leaving  // its entries are being reported as deleted
  };
  static constexpr std::size_t kPhases = 6;

  std::string path;  // as it was given
  WatchOptions options;
  Filter filter;
  Phase phase = Phase::absent;  // changed by Roots::enter() alone
  NodeId node = kNoNode;        // changed by Roots::set_node() alone
  NodeId cursor = kNoNode;  // while it is being reported: the next entry to be reported; while it
                            // is leaving: the first that was not
  bool reported = false;    // leaving: entries of it were reported
  Target target;
  // Reads git's files above the directory. Set until they are read, which is before the root gets a
  // node, and as long as some of them do not answer.
  std::unique_ptr<RulesAbove> above;
  std::string real;  // the path without symbolic links; empty where nothing exists

  std::unique_ptr<PathFollower> follower;  // of the path
  std::uint64_t check = 0;                 // the number of the check that is due; 0: none is

  bool report = false;   // what is found there next is reported as created
  bool lost = false;     // it was reported that nothing exists there
  bool denied = false;   // it was reported that it cannot be checked
  bool removed = false;  // unwatched: forgotten when its entries are deleted
  bool moved = false;    // leaving only since another root covers it now
  bool covered = false;  // another root reports what is below it

  // Of a single file.
  RootPointer base;
  bool joined = false;  // the base shows its name
  // Of a base.
  bool is_base = false;
  std::map<std::string, Root*> members;  // by name
};

class Roots {
 public:
  Roots(const Tree& tree, Visibility& visibility) : tree_(tree), visibility_(visibility) {}

  using Pointer = RootPointer;
  // Shorter paths come first, so that a root comes before those that it may cover.
  struct ByLength {
    bool operator()(const Pointer& a, const Pointer& b) const {
      if (a->path.size() != b->path.size()) return a->path.size() < b->path.size();
      return a->path != b->path ? a->path < b->path : a < b;
    }
  };
  using Ordered = std::set<Pointer, ByLength>;

  // All roots, including bases.
  const Ordered& all() const { return all_; }
  // The root that was added with this path and has not been removed.
  Pointer find(const std::string& path) const;
  Pointer find(NodeId node) const;
  Pointer find(Root::Phase phase) const;
  bool any(Root::Phase phase) const { return !in(phase).empty(); }
  const Ordered& in(Root::Phase phase) const { return phases_[static_cast<std::size_t>(phase)]; }
  // The base of single files in a directory that are watched with the same options.
  Pointer base(const std::string& directory, const WatchOptions& options) const;
  // All roots with this path: the current one, removed ones and bases.
  std::vector<Pointer> at(const std::string& path) const;
  // The roots at the directories above `path`, the nearest first; with `itself` also those at
  // `path`.
  std::vector<Pointer> above(const std::string& path, bool itself) const;
  // The roots whose paths are below `path` as text.
  std::vector<Pointer> below(const std::string& path) const;

  void add(Pointer root);
  void remove(const Pointer& root);
  void enter(const Pointer& root, Root::Phase phase);
  void set_node(const Pointer& root, NodeId node);

  // Whether the path of another root, which is no base, is above the root's path. A base is nested
  // also where its directory is a root.
  bool is_nested(const Root& root) const;
  // Whether another root that is loaded reports, or will report, what exists at this root's path. A
  // root does not report what its filter hides. `is_linked` returns whether the path of the inner
  // of two roots currently leaves the outer one through a symbolic link; it is called only if the
  // tree has no directory there.
  using IsLinked = std::function<bool(const Root& outer, const Root& inner)>;
  bool covered(const Root& root, const IsLinked& is_linked) const;
  // Whether `outer`, of which the tree has only the node yet, may make visible what exists at the
  // path of `inner`, which is below it.
  bool may_show(const Root& outer, const Root& inner) const;
  // The node of a path below a root, or the root itself; kNoNode where the tree has none.
  NodeId resolve(const std::string& path) const;

 private:
  Ordered& in(Root::Phase phase) { return phases_[static_cast<std::size_t>(phase)]; }
  bool covers(const Root& outer, const Root& root, const IsLinked& is_linked) const;

  const Tree& tree_;
  Visibility& visibility_;
  Ordered all_;
  std::array<Ordered, Root::kPhases> phases_;
  std::multimap<std::string, Pointer> by_path_;
  std::unordered_map<NodeId, Pointer> by_node_;
};

// Whether `path` is below the directory `above` as text.
bool is_path_below(const std::string& path, const std::string& above);
// The part of `path` below `above`, without a leading slash.
std::string path_below(const std::string& path, const std::string& above);

}  // namespace lookout
