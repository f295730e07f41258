// Files that are told when their writers are done (`:await`).
#include <cstdint>
#include <string>

#include "watch/reconciler.h"
#include "watch/writers.h"

namespace lookout {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;

}  // namespace

// Nanoseconds for which an event of what is below the root of `directory` waits for writers.
std::int64_t Reconciler::longest_hold(NodeId directory) const {
  if (!awaiting_) return 0;
  const auto root = roots_.find(tree_.root_of(directory));
  return root == roots_.end() ? 0 : root->second.await * kMillisecond;
}

// Whether what there is to tell of a file waits until its writers are done. By hints alone, where
// nothing else tells whether there are any, they are done when one of them closes it.
bool Reconciler::hold(const DirtyName& place, const Look& seen) {
  if (!telling_ || seen.type != EntryType::file) return false;
  const std::int64_t longest = longest_hold(place.directory);
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
  // Closed by one of several writers, perhaps: that does not count for the others.
  held_[{place.directory, place.name}] = {place.hints & ~hint::kClosed, since};
  return true;
}

// It is looked at again, and with what was hinted of it before.
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
