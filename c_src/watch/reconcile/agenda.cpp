#include "watch/reconcile/agenda.h"

#include "watch/model/free_containers.h"

namespace lookout {

void Agenda::add(NodeId directory, bool suspect) {
  if (tree_.has(directory, DirMark::opaque)) return;
  tree_.set(directory, DirMark::stale);
  if (suspect) tree_.set(directory, DirMark::suspect);
  if (!tree_.has(directory, DirMark::queued)) add_back(directory);
}

void Agenda::add_back(NodeId directory) {
  tree_.set(directory, DirMark::queued);
  directories_.push_back(directory);
}

void Agenda::add_all_below(NodeId directory) {
  begun_.clear();
  continue_below(directory);
}

void Agenda::continue_below(NodeId directory) {
  if (tree_.has(directory, DirMark::opaque) || begun_.contains(directory)) return;
  tree_.set(directory, DirMark::deep);
  add(directory, false);
}

void Agenda::begins(NodeId directory) {
  if (tree_.has(directory, DirMark::deep)) begun_.insert(directory);
}

bool Agenda::comes_to(NodeId directory) const {
  for (NodeId at = directory; !tree_.is_root(at);) {
    at = tree_.parent(at);
    if (tree_.has(at, DirMark::deep)) return true;
  }
  return false;
}

NodeId Agenda::take() {
  const NodeId directory = directories_.back();
  directories_.pop_back();
  // The NodeId may belong to another entry now.
  if (!tree_.alive(directory) || !tree_.is_directory(directory) ||
      !tree_.has(directory, DirMark::queued)) {
    return kNoNode;
  }
  tree_.set(directory, DirMark::queued, false);
  return directory;
}

void Agenda::rest() {
  free_if_large(directories_);
  begun_ = {};
}

}  // namespace lookout
