// Files that are mount points, and single files that are named by a symbolic link. Each has a watch
// of its own or is polled.
#include <cerrno>
#include <utility>

#include "watch/reconciler.h"
#include "watch/way.h"

namespace lookout {

// Adds the watch that the entry at `place` needs, or removes it, and returns what was seen there:
// after a new watch from a second stat, so that no change between the two is missed.
std::variant<Look, int> Reconciler::look_at_elsewhere(const Place& place, const DirectoryFd& fd,
                                                      std::variant<Look, int> looked) {
  const auto& [directory, name] = place;
  const Look* const seen = std::get_if<Look>(&looked);
  if (seen == nullptr && std::get<int>(looked) != ENOENT) return looked;
  // Polling compares every entry of a polled directory.
  const bool wanted =
      seen != nullptr && (seen->mounted || seen->linked) && seen->type != EntryType::directory &&
      !tree_.has(directory, DirMark::polled) &&
      (visibility_.shows(directory, name, seen->type) || visibility_.names_rules(directory, name));
  const FileWatches::Watched* const known = files_.find(place);
  if (!wanted) {
    if (known != nullptr) unwatch_file(place);
    return looked;
  }
  if (known != nullptr && known->watch != FileWatches::kPolled) {
    if (known->identity == seen->identity) return looked;
    unwatch_file(place);
  }
  const bool linked = seen->linked;
  watch_file(place, fd, *seen);
  return linked ? look_through(mounts_, fd, name) : look_at(mounts_, fd, name);
}

void Reconciler::watch_file(const Place& place, const DirectoryFd& fd, const Look& seen) {
  const NodeId root = tree_.root_of(place.first);
  const bool choose = roots_.of(root).backend == Backend::automatic;
  // Processes all over the system write to a device or a socket: such writes are not watched.
  const bool content = seen.type == EntryType::file;
  const FileWatch made =
      lookout::watch_file(source_, mounts_, fd, place.second, {content, choose, seen.linked});
  const bool left_out = made.watch < 0 && made.code == 0 && !made.system.pseudo.empty();
  files_.set(place, {seen.identity, left_out ? FileWatches::kLeftOut : made.watch});
  if (made.watch >= 0) return;
  const auto path = [&] { return join(tree_.path(place.first), place.second); };
  if (left_out) {
    sink_.notice(UnwatchedNotice{path(), std::string(made.system.pseudo)});
  } else if (made.code == ENOSPC) {
    if (reported_.too_few_watches(root)) sink_.notice(WatchLimitNotice{path()});
  } else if (made.code == 0 && reported_.polled(root, seen.identity.device)) {
    sink_.notice(PolledNotice{path(), std::string(made.system.remote)});
  }
}

void Reconciler::unwatch_file(const Place& place) {
  const int watch = files_.find(place)->watch;
  files_.erase(place);
  if (watch >= 0 && !files_.in_use(watch)) source_.unwatch(watch);
}

// Handles an event of the watch on the file at `place`.
void Reconciler::take_of_file(const Place& place, const Hint& hint) {
  mounts_.forget_answers();
  if (hint.ended) files_.set(place, {{}, FileWatches::kPolled});
  touch(place.first, place.second, hint.hints & (hint::kContent | hint::kClosed));
}

// Removes the file watches of a directory that the tree is about to remove.
void Reconciler::forget_files(NodeId directory) {
  for (const int watch : files_.forget(directory)) {
    if (!files_.in_use(watch)) source_.unwatch(watch);
  }
}

void Reconciler::touch_files(const std::vector<Place>& places, Hints hints) {
  for (const auto& [directory, name] : places) touch(directory, name, hints);
}

}  // namespace lookout
