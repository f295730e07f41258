#include "watch/reconcile/retries.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "watch/model/free_containers.h"

namespace lookout {

std::vector<DirtyName> Retries::take_names() {
  std::vector<DirtyName> names = std::exchange(later_names_, {});
  // The NodeId may belong to another entry now.
  std::erase_if(names, [this](const DirtyName& name) {
    return !tree_.alive(name.directory) || !tree_.is_directory(name.directory);
  });
  return names;
}

void Retries::defer_directories() {
  for (const NodeId directory : std::exchange(later_directories_, {})) defer(directory);
}

std::vector<NodeId> Retries::take_deferred() {
  std::vector<NodeId> directories = std::exchange(deferred_, {});
  std::erase_if(directories, [this](NodeId directory) {
    return !tree_.alive(directory) || !tree_.is_directory(directory) ||
           !tree_.has(directory, DirMark::stale);
  });
  return directories;
}

std::unordered_set<NodeId> Retries::take_failed() {
  return std::exchange(failed_, {});
}

std::vector<DirEntry> Retries::take_failed_names() {
  std::vector<DirEntry> places;
  for (const DirEntry& place : std::exchange(failed_names_, {})) {
    if (tree_.alive(place.first) && tree_.is_directory(place.first)) places.push_back(place);
  }
  return places;
}

std::vector<NodeId> Retries::polled_directories() const {
  // Parents were met first, so they have the smaller numbers in most cases.
  std::vector<NodeId> directories(polled_.begin(), polled_.end());
  std::sort(directories.begin(), directories.end(), std::greater<>());
  return directories;
}

std::vector<NodeId> Retries::take_denied_below(NodeId directory) {
  std::vector<NodeId> taken;
  std::erase_if(denied_, [&](NodeId node) {
    if (!tree_.is_below(node, directory)) return false;
    taken.push_back(node);
    return true;
  });
  return taken;
}

void Retries::forget_directory(NodeId directory) {
  polled_.erase(directory);
  failed_.erase(directory);
  denied_.erase(directory);
  vanished_.erase(directory);
}

void Retries::rest() {
  free_if_large(deferred_);
}

}  // namespace lookout
