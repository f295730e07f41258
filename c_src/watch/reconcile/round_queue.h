// The names that the current round still has to check. Makes no system call. Reconciler owns it;
// the classes of reconcile/ call it.
//
// A round begins with the names that were dirty then. Checks add more: an entry whose path may
// have changed, another link of a file, an entry that was blocked.
#pragma once

#include <cstddef>
#include <deque>
#include <set>
#include <string>
#include <utility>

#include "watch/model/dirty_set.h"
#include "watch/model/trail.h"
#include "watch/model/tree.h"
#include "watch/reconcile/change_sink.h"

namespace lookout {

class RoundQueue {
 public:
  RoundQueue(const Tree& tree, ChangeSink& sink) : tree_(tree), sink_(sink) {}
  RoundQueue(const RoundQueue&) = delete;
  RoundQueue& operator=(const RoundQueue&) = delete;

  bool empty() const { return names_.empty(); }
  std::size_t size() const { return names_.size(); }

  void add(DirtyName name) { names_.push_back(std::move(name)); }
  void add_first(DirtyName name) { names_.push_front(std::move(name)); }
  DirtyName take() {
    DirtyName name = std::move(names_.front());
    names_.pop_front();
    if (!rechecks_.empty()) rechecks_.erase({name.directory, name.name});
    return name;
  }
  // Checks whether an entry is still at its path. A root is left to its manager.
  void recheck(NodeId node) {
    if (tree_.is_root(node)) {
      sink_.root_needs_check(node);
    } else {
      add({tree_.parent(node), std::string(tree_.name(node)), 0});
    }
  }
  // The same, unless this function has queued it and take() has not returned it yet.
  void recheck_once(NodeId node) {
    if (!tree_.is_root(node) &&
        !rechecks_.emplace(tree_.parent(node), std::string(tree_.name(node))).second) {
      return;
    }
    recheck(node);
  }

 private:
  const Tree& tree_;
  ChangeSink& sink_;
  std::deque<DirtyName> names_;
  std::set<DirEntry> rechecks_;  // the names that recheck_once() has queued
};

}  // namespace lookout
