#include "watch/reconcile/file_watches.h"

#include <set>

namespace lookout {

const FileWatches::Watched* FileWatches::find(const DirEntry& place) const {
  const auto found = files_.find(place);
  return found == files_.end() ? nullptr : &found->second;
}

std::vector<int> FileWatches::forget(NodeId directory) {
  std::vector<int> watches;
  auto at = files_.lower_bound({directory, std::string()});
  while (at != files_.end() && at->first.first == directory) {
    if (at->second.watch >= 0) watches.push_back(at->second.watch);
    at = files_.erase(at);
  }
  return watches;
}

std::vector<DirEntry> FileWatches::with_watch(int watch) const {
  std::vector<DirEntry> places;
  for (const auto& [place, watched] : files_) {
    if (watched.watch == watch) places.push_back(place);
  }
  return places;
}

std::vector<DirEntry> FileWatches::all() const {
  std::vector<DirEntry> places;
  for (const auto& [place, watched] : files_) places.push_back(place);
  return places;
}

std::uint64_t FileWatches::watches() const {
  std::set<int> watches;
  for (const auto& [place, watched] : files_) {
    if (watched.watch >= 0) watches.insert(watched.watch);
  }
  return watches.size();
}

}  // namespace lookout
