// Whether something exists at the paths of roots, as notices report it. Makes no system call.
// RootManager owns it; EngineLoop and the classes of roots/ call it.
//
// A root that reports its own entries is lost when its directory is gone. The entries of others are
// reported by another root, or by a base: there the reported changes show whether something exists
// at the path.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "watch/model/entry.h"
#include "watch/reconcile/change_sink.h"
#include "watch/roots/root_checks.h"
#include "watch/roots/roots.h"

namespace lookout {

class RootPresence {
 public:
  RootPresence(const Roots& roots, RootChecks& checks, ChangeSink& sink)
      : roots_(roots), checks_(checks), sink_(sink) {}
  RootPresence(const RootPresence&) = delete;
  RootPresence& operator=(const RootPresence&) = delete;

  // Nothing exists at the path any more, or something exists there again. Each is reported once.
  void lose(Root& root);
  void find_again(Root& root);
  // Calls find_again() if the tree has an entry at the path. Otherwise calls lose(), if `gone`.
  void compare(Root& root, bool gone);

  // Another root, or a base, reports the entries of this root from now on; or no longer.
  void track(const RootPointer& root) { tracked_[root->path] = root; }
  void untrack(const RootPointer& root);
  // The entry at this path leaves a base although the file exists: its deletion does not mean that
  // the root is gone.
  void hand_over(const Root& root) { handed_over_.insert(root.path); }

  // Whether reported changes may concern tracked roots; then the engine passes each change through
  // before() and after().
  bool follows_changes() const { return !tracked_.empty() || !handed_over_.empty(); }
  void before(const Event& event);
  void after(const Event& event);

 private:
  std::vector<RootPointer> tracked_below(const std::string& path) const;

  const Roots& roots_;
  RootChecks& checks_;
  ChangeSink& sink_;
  std::map<std::string, RootPointer> tracked_;  // by path
  std::set<std::string> handed_over_;           // paths
};

}  // namespace lookout
