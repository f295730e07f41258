// Single files: those in one directory share a base, a root that is limited to their names.
// RootManager owns it.
//
// RootManager joins a root to a base when a single file exists at its path, and removes it from the
// base when anything else does, or when it is no longer watched. A base without files is removed.
#pragma once

#include "watch/model/tree.h"
#include "watch/reconcile/reconciler.h"
#include "watch/roots/root_checks.h"
#include "watch/roots/root_paths.h"
#include "watch/roots/root_presence.h"
#include "watch/roots/roots.h"

namespace lookout {

class RootBases {
 public:
  RootBases(const Tree& tree, Reconciler& reconciler, Roots& roots, RootChecks& checks,
            RootPaths& root_paths, RootPresence& presence)
      : tree_(tree),
        reconciler_(reconciler),
        roots_(roots),
        checks_(checks),
        root_paths_(root_paths),
        presence_(presence) {}
  RootBases(const RootBases&) = delete;
  RootBases& operator=(const RootBases&) = delete;

  // Makes the base of a single file report it, as soon as that is loaded.
  void join(const RootPointer& root);
  // Removes a single file from its base, and reports its entry as deleted.
  void leave(const RootPointer& root);

 private:
  const Tree& tree_;
  Reconciler& reconciler_;
  Roots& roots_;
  RootChecks& checks_;
  RootPaths& root_paths_;
  RootPresence& presence_;
};

}  // namespace lookout
