// The marks of an entry that keep what events have reported about its content until the entry is
// checked: Mark::written and Mark::altered, and Mark::missed for one that must be compared. Tree
// keeps the marks; the classes of reconcile/ call these functions.
#pragma once

#include "watch/model/hint.h"
#include "watch/model/tree.h"

namespace lookout {

inline void mark_content(Tree& tree, NodeId node, Hints hints) {
  if ((hints & hint::kWritten) != 0) tree.set(node, Mark::written);
  if ((hints & hint::kAttributes) != 0) tree.set(node, Mark::altered);
}

inline Hints marked_content(const Tree& tree, NodeId node) {
  Hints hints = 0;
  if (tree.has(node, Mark::written)) hints |= hint::kWritten;
  if (tree.has(node, Mark::altered)) hints |= hint::kAttributes;
  return hints;
}

// Removes the marks and returns them as hints.
inline Hints take_marks(Tree& tree, NodeId node) {
  Hints hints = marked_content(tree, node);
  if (tree.has(node, Mark::missed)) hints |= hint::kUnpaired;
  for (const Mark mark : {Mark::written, Mark::altered, Mark::missed}) tree.set(node, mark, false);
  return hints;
}

}  // namespace lookout
