#include "watch/place_watches.h"

#include <cerrno>

#include "watch/way.h"

namespace lookout {

bool PlaceWatches::follow(const std::string& path) {
  bool more = false;
  walk(path, [&](const std::string& at, const std::string& name) {
    const auto step = mounts_.step(join(at, name));
    // What does not answer is followed when it does.
    if (!step) return WayStep{WayStep::Kind::missing, {}};
    // A directory tells itself when it goes; what stands in its place does not.
    more = add(at, step->kind == WayStep::Kind::directory ? nullptr : &name) || more;
    return *step;
  });
  return more;
}

bool PlaceWatches::concerns(const Hint& hint) const {
  const auto place = places_.find(hint.watch);
  if (place == places_.end()) return false;
  if (hint.name.empty()) return hint.ended || (hint.hints & hint::kRootGone) != 0;
  return (hint.hints & hint::kPlace) != 0 && place->second.contains(std::string(hint.name));
}

int PlaceWatches::watch_place(const std::string& directory, bool entries) {
  const auto& mount = mounts_.at(directory);
  if (!mount) return source_.watch_place(directory.c_str(), entries);
  errno = 0;  // that of the call stays on the other thread
  const std::string what = (entries ? "names in " : "place ") + directory;
  return mount
      ->ask(what, [own = source_.shared_from_this(), directory,
                   entries] { return own->watch_place(directory.c_str(), entries); })
      .value_or(-1);
}

bool PlaceWatches::add(const std::string& directory, const std::string* name) {
  const int watch = watch_place(directory, name != nullptr);
  if (watch < 0) {
    lacking_ = lacking_ || errno == ENOSPC;
    return errno == ENOENT || errno == ENOTDIR;  // it has gone since the way led through it
  }
  const auto [place, added] = places_.try_emplace(watch);
  const bool new_name = name != nullptr && place->second.insert(*name).second;
  return added || new_name;
}

}  // namespace lookout
