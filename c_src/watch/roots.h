// The paths that are watched, and where each stands in the tree.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/error.h"
#include "watch/reconciler.h"
#include "watch/tree.h"
#include "watch/visibility.h"

namespace lookout {

// What stands at a path that is to be watched: a directory, or a single file in one.
struct Target {
  std::string directory;  // the directory to be opened
  std::string only;       // the name of a single file in it; empty for the directory itself
  Identity identity;      // of the directory
};

// Looks at a path, symbolic links followed. Errors: those of stat(2) and open(2).
Result<Target> probe(const std::string& path);

struct Root {
  enum class Phase {
    absent,    // it has no node: nothing stands there, or another root covers it
    crawling,  // what stands below it is being learnt
    untold,    // known, and still to be told
    telling,   // being told
    told,
    leaving  // its entries are being told as deleted
  };

  std::string path;  // as it was given
  bool recursive = true;
  bool follow_symlinks = false;
  Backend backend = Backend::automatic;
  std::uint32_t await = 0;
  bool polled = false;  // it was, when it was last looked at
  Filter filter;
  bool tell = false;     // what is found there next is told as created
  bool lost = false;     // it was said that nothing stands there
  bool missing = false;  // nothing did when it was last looked at, nor did another root cover it
  bool denied = false;   // it was said that it cannot be looked at
  bool removed = false;  // unwatched: forgotten when its entries are gone
  bool moved = false;    // leaving only since another root covers it now
  static constexpr std::size_t kPhases = 6;
  Phase phase = Phase::absent;  // changed by Roots::enter() alone
  NodeId node = kNoNode;
  bool covered = false;  // another root tells what is below it
  Target target;

  // What may be told of it: all, or when it is being told what comes before the cursor.
  NodeId cursor = kNoNode;
};

class Roots {
 public:
  Roots(const Tree& tree, Visibility& visibility) : tree_(tree), visibility_(visibility) {}

  using Pointer = std::shared_ptr<Root>;

  const std::vector<Pointer>& all() const { return roots_; }
  Pointer find(const std::string& path) const;
  Pointer find(NodeId node) const;
  Pointer find(Root::Phase phase) const;
  bool any(Root::Phase phase) const { return in_phase_[static_cast<std::size_t>(phase)] > 0; }
  void enter(Root& root, Root::Phase phase);
  // Shorter paths come first, so that a root is met before those that it may cover.
  void add(Pointer root);
  void remove(const Pointer& root);

  // Whether another root that is known tells (or will tell) what stands at this root's path. What
  // it does not make visible it does not tell.
  bool covered(const Root& root) const;
  // The node of a path below a root, or the root itself; kNoNode where the tree has none.
  NodeId resolve(const std::string& path) const;

 private:
  std::size_t& count(Root::Phase phase) { return in_phase_[static_cast<std::size_t>(phase)]; }

  const Tree& tree_;
  Visibility& visibility_;
  std::vector<Pointer> roots_;
  std::array<std::size_t, Root::kPhases> in_phase_{};  // how many roots are in each
};

// Whether `path` lies below the directory `above` by its text.
bool is_path_below(const std::string& path, const std::string& above);

}  // namespace lookout
