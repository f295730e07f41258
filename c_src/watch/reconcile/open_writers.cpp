#include "watch/reconcile/open_writers.h"

#include <string>
#include <variant>

#include "watch/disk/remote_calls.h"
#include "watch/disk/writers.h"

namespace lookout {

void OpenWriters::begin_check(DirtyName& dirty) {
  checked_since_.reset();
  if (waiting_.empty()) return;
  const auto waiting = waiting_.find({dirty.directory, dirty.name});
  if (waiting == waiting_.end()) return;
  dirty.hints = hint::merged(dirty.hints, waiting->second.hints);
  checked_since_ = waiting->second.since;
  waiting_.erase(waiting);
}

bool OpenWriters::must_wait(const DirtyName& place, const FileStatus& seen) {
  if (seen.type != EntryType::file) return false;
  const std::int64_t longest = roots_.longest_wait(place.directory);
  if (longest == 0) return false;
  const std::int64_t now = monotonic_clock();
  const std::int64_t since = checked_since_.value_or(now);
  if (now - since >= longest) return false;
  const auto opened = directories_.open(place.directory);
  if (!std::holds_alternative<DirectoryFd>(opened)) return false;
  switch (writers_of(mounts_, std::get<DirectoryFd>(opened), place.name)) {
    case Writers::none:
      return false;
    case Writers::some:
      break;
    case Writers::unknown:
      if ((place.hints & hint::kClosed) != 0) return false;
      if ((place.hints & (hint::kWritten | hint::kCreated)) == 0) return false;
      break;
  }
  // One of several writers may have closed the file; the others may still write.
  waiting_[{place.directory, place.name}] = {place.hints & ~hint::kClosed, since};
  return true;
}

void OpenWriters::keep(const DirtyName& place) {
  if (checked_since_) waiting_[{place.directory, place.name}] = {place.hints, *checked_since_};
}

std::vector<DirEntry> OpenWriters::names() const {
  std::vector<DirEntry> names;
  names.reserve(waiting_.size());
  for (const auto& [name, waiting] : waiting_) names.push_back(name);
  return names;
}

std::unordered_set<NodeId> OpenWriters::nodes() const {
  std::unordered_set<NodeId> entries;
  for (const auto& [place, waiting] : waiting_) {
    if (!tree_.alive(place.first) || !tree_.is_directory(place.first)) continue;
    const NodeId node = tree_.child(place.first, place.second);
    if (node != kNoNode) entries.insert(node);
  }
  return entries;
}

}  // namespace lookout
