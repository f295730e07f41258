#include "watch/reconcile/file_watches.h"

namespace lookout {

const FileWatches::Watched* FileWatches::find(const DirEntry& place) const {
  const auto found = files_.find(place);
  return found == files_.end() ? nullptr : &found->second;
}

void FileWatches::set(const DirEntry& place, Watched watched) {
  const auto [at, added] = files_.try_emplace(place, watched);
  if (!added) {
    leave(at->second.watch, place);
    at->second = watched;
  }
  by_watch_[watched.watch].insert(place);
}

void FileWatches::erase(const DirEntry& place) {
  const auto at = files_.find(place);
  if (at == files_.end()) return;
  leave(at->second.watch, place);
  files_.erase(at);
}

void FileWatches::leave(int watch, const DirEntry& place) {
  const auto places = by_watch_.find(watch);
  places->second.erase(place);
  if (places->second.empty()) by_watch_.erase(places);
}

std::vector<int> FileWatches::forget(NodeId directory) {
  std::vector<int> watches;
  auto at = files_.lower_bound({directory, std::string()});
  while (at != files_.end() && at->first.first == directory) {
    if (at->second.watch >= 0) watches.push_back(at->second.watch);
    leave(at->second.watch, at->first);
    at = files_.erase(at);
  }
  return watches;
}

const std::set<DirEntry>& FileWatches::with_watch(int watch) const {
  static const std::set<DirEntry> none;
  const auto places = by_watch_.find(watch);
  return places == by_watch_.end() ? none : places->second;
}

std::vector<DirEntry> FileWatches::all() const {
  std::vector<DirEntry> places;
  for (const auto& [place, watched] : files_) places.push_back(place);
  return places;
}

std::uint64_t FileWatches::watches() const {
  return by_watch_.size() - by_watch_.count(kPolled) - by_watch_.count(kLeftOut);
}

}  // namespace lookout
