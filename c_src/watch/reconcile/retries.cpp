#include "watch/reconcile/retries.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "watch/model/free_containers.h"

namespace lookout {
namespace {

// A check of the name that is asked for in one round takes place in the next one at the latest.
constexpr std::uint64_t kRoundsOfCheck = 2;

}  // namespace

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

std::vector<DirEntry> Retries::take_failed_names(std::size_t most) {
  std::vector<DirEntry> places = failed_names_.take(most);
  for (DirEntry& place : long_links_.take(kLongLinksPerPoll)) places.push_back(std::move(place));
  std::erase_if(places, [this](const DirEntry& place) {
    return !tree_.alive(place.first) || !tree_.is_directory(place.first);
  });
  return places;
}

std::vector<NodeId> Retries::polled_directories() const {
  // Parents were met first, so they have the smaller numbers in most cases.
  std::vector<NodeId> directories(polled_.begin(), polled_.end());
  std::sort(directories.begin(), directories.end(), std::greater<>());
  return directories;
}

// Keyed by name, since another directory may be found there each time.
Retries::Moved Retries::moved(NodeId directory, std::uint64_t round) {
  const DirEntry place = tree_.is_root(directory) ? DirEntry{directory, ""}
                                                  : DirEntry{tree_.parent(directory),
                                                             std::string(tree_.name(directory))};
  const auto [at, added] = moved_.try_emplace(place, Rounds{round, round});
  if (added) return Moved::first;
  if (round - at->second.first >= kRoundsOfCheck) return Moved::repeatedly;
  return std::exchange(at->second.last, round) == round ? Moved::in_round : Moved::first;
}

void Retries::forget_directory(NodeId directory) {
  polled_.erase(directory);
  moved_.erase(moved_.lower_bound({directory, ""}), moved_.lower_bound({directory + 1, ""}));
  for (InTurn<DirEntry>* places : {&failed_names_, &long_links_}) {
    places->remove({directory, ""}, {directory + 1, ""});
  }
  failed_.remove(directory);
  denied_.forget(directory);
  vanished_.erase(directory);
}

void Retries::rest() {
  free_if_large(deferred_);
}

}  // namespace lookout
