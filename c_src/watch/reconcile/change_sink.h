// Receives what the reconciler and its parts, and the roots, report. EngineLoop is the sink. The
// methods are called within steps of the reconciler and of RootManager, which continue after them:
// the sink must not call the reconciler.
#pragma once

#include "watch/model/entry.h"
#include "watch/model/tree.h"

namespace lookout {

class ChangeSink {
 public:
  virtual ~ChangeSink() = default;
  virtual void change(Event event) = 0;
  virtual void notice(Notice notice) = 0;
  // The node of a root that was given up by Reconciler::remove_root() is no longer in the tree.
  virtual void root_removed(NodeId root) = 0;
  // Another directory, or none, may be at the path of a root now.
  virtual void root_needs_check(NodeId root) = 0;
  // Other entries than before are visible at and below a directory.
  virtual void visibility_changed(NodeId directory) = 0;
};

}  // namespace lookout
