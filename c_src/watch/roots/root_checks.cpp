#include "watch/roots/root_checks.h"

#include <utility>

namespace lookout {

void RootChecks::add(const RootPointer& root) {
  if (root->check == 0) {
    due_.insert(root);
    root->check = ++last_;
    numbers_.insert(numbers_.end(), root->check);
  }
  if (root->node != kNoNode && roots_.is_nested(*root)) urgent_.insert(root);
}

void RootChecks::add(NodeId root) {
  if (const RootPointer found = roots_.find(root)) add(found);
}

void RootChecks::add_all() {
  for (const RootPointer& root : roots_.all()) add(root);
}

void RootChecks::add_below(const std::string& path) {
  for (const RootPointer& root : roots_.below(path)) add(root);
}

RootPointer RootChecks::take() {
  RootPointer root = *(urgent_.empty() ? due_ : urgent_).begin();
  clear_due(root);
  return root;
}

void RootChecks::clear_due(const RootPointer& root) {
  due_.erase(root);
  urgent_.erase(root);
  numbers_.erase(std::exchange(root->check, 0));
}

void RootChecks::begin(const RootPointer& root) {
  transient_.erase(root);
  unwatched_.erase(root);
}

void RootChecks::add_transient() {
  for (const RootPointer& root : std::exchange(transient_, {})) add(root);
}

void RootChecks::add_unwatched() {
  for (const RootPointer& root : std::exchange(unwatched_, {})) add(root);
}

void RootChecks::forget(const RootPointer& root) {
  begin(root);
  clear_due(root);
}

}  // namespace lookout
