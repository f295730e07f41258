#include "watch/reconcile/file_watcher.h"

#include <cerrno>

#include "watch/disk/remote_calls.h"

namespace lookout {

std::variant<FileStatus, int> FileWatcher::check(const DirEntry& place, const DirectoryFd& fd,
                                                 std::variant<FileStatus, int> checked) {
  const auto& [directory, name] = place;
  const FileStatus* const seen = std::get_if<FileStatus>(&checked);
  if (seen == nullptr && std::get<int>(checked) != ENOENT) return checked;
  // Polling compares every entry of a polled directory.
  const bool wanted =
      seen != nullptr && (seen->mounted || seen->linked) && seen->type != EntryType::directory &&
      !tree_.has(directory, DirMark::polled) &&
      (visibility_.shows(directory, name, seen->type) || visibility_.names_rules(directory, name));
  const FileWatches::Watched* const known = files_.find(place);
  if (!wanted) {
    if (known != nullptr) unwatch(place);
    return checked;
  }
  if (known != nullptr && known->watch != FileWatches::kPolled) {
    if (known->identity == seen->identity) return checked;
    unwatch(place);
  }
  const bool linked = seen->linked;
  watch(place, fd, *seen);
  return linked ? stat_target(mounts_, fd, name) : stat_entry(mounts_, fd, name);
}

void FileWatcher::watch(const DirEntry& place, const DirectoryFd& fd, const FileStatus& seen) {
  const bool choose = roots_.of(place.first).backend == Backend::automatic;
  // Processes all over the system write to a device or a socket: such writes are not watched.
  const bool content = seen.type == EntryType::file;
  const FileWatch made =
      watch_file(source_, mounts_, fd, place.second, {content, choose, seen.linked});
  const bool pseudo = made.watch < 0 && made.code == 0 && !made.system.pseudo.empty();
  const bool left_out = pseudo || !made.allowed;
  files_.set(place, {seen.identity, left_out ? FileWatches::kLeftOut : made.watch});
  if (made.watch >= 0) return;
  if (!made.allowed) {
    notices_.not_allowed(place);
  } else if (left_out) {
    notices_.unwatched(place, made.system.pseudo);
  } else if (made.code == ENOSPC) {
    notices_.watch_limit(place);
  } else if (made.code == 0) {
    notices_.polled(place, seen.identity.device, made.system.remote);
  }
}

void FileWatcher::unwatch(const DirEntry& place) {
  const int watch = files_.find(place)->watch;
  files_.erase(place);
  if (watch >= 0 && !files_.in_use(watch)) source_.unwatch(watch);
}

std::vector<DirEntry> FileWatcher::take(const Hint& hint) {
  if (files_.empty() || hint.watch < 0) return {};
  const auto& watched = files_.with_watch(hint.watch);
  std::vector<DirEntry> places(watched.begin(), watched.end());
  if (hint.ended) {
    for (const DirEntry& place : places) files_.set(place, {{}, FileWatches::kPolled});
  }
  return places;
}

void FileWatcher::forget_directory(NodeId directory) {
  if (files_.empty()) return;
  for (const int watch : files_.forget(directory)) {
    if (!files_.in_use(watch)) source_.unwatch(watch);
  }
}

}  // namespace lookout
