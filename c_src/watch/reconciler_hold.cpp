// Files that are reported when their writers are done (`:await`).
#include <cstdint>
#include <string>

#include "watch/reconciler.h"
#include "watch/writers.h"

namespace lookout {
// Whether the report of a file must wait until its writers are done. If nothing but hints shows
// whether there are writers, they are done when one of them closes the file.
bool Reconciler::hold(const DirtyName& place, const Look& seen) {
  if (!telling_ || seen.type != EntryType::file) return false;
  const std::int64_t longest = roots_.longest_wait(place.directory);
  if (longest == 0) return false;
  const std::int64_t now = monotonic_clock();
  const std::int64_t since = held_since_.value_or(now);
  if (now - since >= longest) return false;
  const auto opened = directories_.open(place.directory);
  if (!std::holds_alternative<DirectoryFd>(opened)) return false;
  switch (writers_of(std::get<DirectoryFd>(opened), place.name)) {
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
  held_[{place.directory, place.name}] = {place.hints & ~hint::kClosed, since};
  return true;
}

// A held file is checked again: adds the hints that were kept for it.
void Reconciler::no_longer_held(DirtyName& dirty) {
  const auto held = held_.find({dirty.directory, dirty.name});
  if (held == held_.end()) return;
  dirty.hints = hint::merged(dirty.hints, held->second.hints);
  held_since_ = held->second.since;
  held_.erase(held);
}

void Reconciler::look_at_held() {
  for (const auto& [place, held] : held_) next_.add(place.first, place.second, 0);
}

}  // namespace lookout
