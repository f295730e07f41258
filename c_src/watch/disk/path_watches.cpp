#include "watch/disk/path_watches.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "support/fd_link.h"

namespace lookout {
namespace {

// How often to resolve a path that keeps changing before a timer tries again.
constexpr int kMostPathAttempts = 4;

std::string name_of(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

bool is_changed(int code) {
  return code == ENOENT || code == ENOTDIR || code == ELOOP;
}

}  // namespace

PathWatches::Resolution PathWatches::follow(PathFollower& follower, const std::string& path,
                                            bool watch_end) {
  Walk walk;
  std::vector<StepKey> tried;
  for (int attempt = 0; attempt < kMostPathAttempts; ++attempt) {
    walk = resolve(path, watch_end);
    if (!walk.again) break;
    tried.insert(tried.end(), walk.steps.begin(), walk.steps.end());
  }
  walk.resolution.settled = !walk.again;
  for (const StepKey& key : walk.steps) {
    auto& followers = directories_[key.first].steps[key.second].followers;
    const auto place = std::lower_bound(followers.begin(), followers.end(), &follower);
    if (place == followers.end() || *place != &follower) followers.insert(place, &follower);
  }
  std::vector<StepKey> before = std::exchange(followed_[&follower], walk.steps);
  std::sort(walk.steps.begin(), walk.steps.end());
  for (const StepKey& key : before) {
    if (!std::binary_search(walk.steps.begin(), walk.steps.end(), key)) release(follower, key);
  }
  for (const StepKey& key : tried) drop_step(key);
  return walk.resolution;
}

void PathWatches::unfollow(PathFollower& follower) {
  const auto followed = followed_.find(&follower);
  if (followed == followed_.end()) return;
  const std::vector<StepKey> steps = std::move(followed->second);
  followed_.erase(followed);
  for (const StepKey& key : steps) release(follower, key);
}

PathWatches::Walk PathWatches::resolve(const std::string& path, bool watch_end) {
  Walk walk;
  const PathEnd end = lookout::walk(path, [&](const std::string& at, const std::string& name) {
    return walk.again ? PathStep{PathStep::Kind::missing, {}} : step(walk, at, name);
  });
  walk.resolution.real = end.at;
  walk.resolution.whole = end.whole;
  if (end.too_long) walk.resolution.watched = false;
  if (watch_end && end.whole && !walk.again && !walk.steps.empty()) {
    const auto& [at, name] = walk.steps.back();
    const bool directory = directories_[at].steps[name].found.kind == PathStep::Kind::directory;
    if (directory && enter(walk, end.at)) walk.steps.emplace_back(end.at, "");
  }
  return walk;
}

// Adds the watch before the check, so that no change between the two is missed.
PathStep PathWatches::step(Walk& walk, const std::string& at, const std::string& name) {
  if (!enter(walk, at)) return {PathStep::Kind::missing, {}};
  walk.steps.emplace_back(at, name);
  Directory& directory = directories_[at];
  Step& step = directory.steps[name];
  if (is_valid(at, name, step)) return step.found;
  for (;;) {
    const auto found = mounts_.step(join(at, name));
    if (!found) {  // the mount does not answer
      walk.resolution.watched = false;
      return {PathStep::Kind::missing, {}};
    }
    step.found = *found;
    const bool by_name = step.named || found->kind != PathStep::Kind::directory;
    if (!by_name || directory.entries || !watch_names(walk, at, directory)) {
      step.known = directory.watch >= 0 && (!by_name || directory.entries);
      return step.found;
    }
  }
}

// Watches a directory on whose entries the path depends. Returns false if none exists at `at` any
// more.
bool PathWatches::enter(Walk& walk, const std::string& at) {
  Directory& directory = directories_[at];
  if (directory.watch >= 0 || !live()) {
    if (!live()) walk.resolution.watched = false;
    return true;
  }
  directory.watch = watch(at, false);
  if (directory.watch >= 0) {
    by_watch_[directory.watch].push_back(at);
    return true;
  }
  if (is_changed(errno)) {
    walk.again = true;
    forget_step(at);
    prune(at);
    return false;
  }
  if (errno == EACCES && at != "/") {
    watch_name(walk, at);
  } else {
    walk.resolution.watched = false;
  }
  return true;
}

// A directory without read permission cannot have a watch: its parent reports its name instead.
void PathWatches::watch_name(Walk& walk, const std::string& path) {
  const std::string above = parent_of(path);
  const auto directory = directories_.find(above);
  if (directory == directories_.end() || directory->second.watch < 0) {
    walk.resolution.watched = false;
    return;
  }
  Step& step = directory->second.steps[name_of(path)];
  if (std::exchange(step.named, true)) return;
  step.known = false;
  walk.again = true;
}

bool PathWatches::watch_names(Walk& walk, const std::string& at, Directory& directory) {
  const int watch = directory.watch < 0 ? -1 : this->watch(at, true);
  directory.entries = watch >= 0 && watch == directory.watch;
  if (directory.entries) return true;
  if (directory.watch >= 0 && (watch >= 0 || is_changed(errno))) {
    walk.again = true;  // another directory is at this path now
    drop_watch(at, directory);
    leave(watch);
  } else {
    walk.resolution.watched = false;
  }
  return false;
}

// Whether the result of the last check of a step still holds. A directory reports its own move or
// deletion.
bool PathWatches::is_valid(const std::string& at, const std::string& name, const Step& step) const {
  if (!step.known) return false;
  if (step.named || step.found.kind != PathStep::Kind::directory) return true;
  const auto child = directories_.find(join(at, name));
  return child != directories_.end() && child->second.watch >= 0;
}

int PathWatches::watch(const std::string& directory, bool entries) {
  const auto& mount = mounts_.at(directory);
  if (mounts_.none()) return source_.watch_place(directory.c_str(), entries);
  if (!mount) {
    const UniqueFd fd = open_without_links(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd ? source_.watch_place((fd_link(fd.get()) + "/.").c_str(), entries) : -1;
  }
  errno = 0;  // the call sets the errno of the other thread
  const std::string what = (entries ? "names in " : "place ") + directory;
  return mount
      ->ask(what, [own = source_.shared_from_this(), directory,
                   entries] { return own->watch_place(directory.c_str(), entries); })
      .value_or(-1);
}

void PathWatches::take(const Hint& hint) {
  const auto watched = by_watch_.find(hint.watch);
  if (watched == by_watch_.end()) return;
  const bool gone = hint.ended || (hint.hints & hint::kRootGone) != 0;
  if (hint.name.empty() ? !gone : (hint.hints & hint::kPlace) == 0) return;
  const std::vector<std::string> paths = watched->second;
  for (const std::string& at : paths) {
    // The entries below have other paths now: their watches would report events of other places.
    if (hint.name.empty()) {
      doubt(at);
    } else if (directories_.at(at).steps.contains(std::string(hint.name))) {
      doubt(join(at, std::string(hint.name)));
    }
  }
}

void PathWatches::doubt(const std::string& place) {
  forget_step(place);
  const std::string below = place == "/" ? place : place + '/';
  for (auto at = directories_.lower_bound(place); at != directories_.end(); ++at) {
    if (at->first != place && !at->first.starts_with(below)) {
      if (at->first > below) break;
      continue;
    }
    lose_watch(at->first, at->second);
  }
}

// The kernel returns the same watch descriptor for the same directory.
void PathWatches::verify(const std::string& place) {
  const auto at = directories_.find(place);
  if (at == directories_.end() || at->second.watch < 0) return;
  const int watch = this->watch(place, at->second.entries);
  if (watch == at->second.watch) return;
  forget_step(place);
  lose_watch(place, at->second);
  leave(watch);
}

void PathWatches::doubt_all() {
  for (auto& [at, directory] : directories_) lose_watch(at, directory);
}

void PathWatches::drop_watch(const std::string& at, Directory& directory) {
  directory.entries = false;
  const int watch = std::exchange(directory.watch, -1);
  if (watch < 0) return;
  const auto paths = by_watch_.find(watch);
  std::erase(paths->second, at);
  if (!paths->second.empty()) return;
  by_watch_.erase(paths);
  leave(watch);
}

// Removes a watch unless somebody needs it.
void PathWatches::leave(int watch) {
  if (watch >= 0 && !by_watch_.contains(watch) && !in_use_(watch)) source_.unwatch(watch);
}

// The directory may no longer be at its path.
void PathWatches::lose_watch(const std::string& at, Directory& directory) {
  drop_watch(at, directory);
  for (auto& [name, step] : directory.steps) {
    step.known = false;
    notify(step);
  }
}

// Invalidates the last check of the entry at `path` and notifies the followers.
void PathWatches::forget_step(const std::string& path) {
  if (path == "/") return;
  const auto above = directories_.find(parent_of(path));
  if (above == directories_.end()) return;
  const auto step = above->second.steps.find(name_of(path));
  if (step == above->second.steps.end()) return;
  step->second.known = false;
  notify(step->second);
}

void PathWatches::release(PathFollower& follower, const StepKey& key) {
  const auto directory = directories_.find(key.first);
  if (directory == directories_.end()) return;
  const auto step = directory->second.steps.find(key.second);
  if (step == directory->second.steps.end()) return;
  auto& followers = step->second.followers;
  const auto place = std::lower_bound(followers.begin(), followers.end(), &follower);
  if (place != followers.end() && *place == &follower) followers.erase(place);
  if (followers.empty()) drop_step(key);
}

// Removes a step if no followed path contains it any more.
void PathWatches::drop_step(const StepKey& key) {
  const auto directory = directories_.find(key.first);
  if (directory == directories_.end()) return;
  auto& steps = directory->second.steps;
  const auto step = steps.find(key.second);
  if (step != steps.end() && step->second.followers.empty()) steps.erase(step);
  prune(key.first);
}

// Removes a directory and its watch if no followed path leads through it any more.
void PathWatches::prune(const std::string& at) {
  const auto found = directories_.find(at);
  if (found == directories_.end()) return;
  if (!found->second.steps.empty()) return;
  drop_watch(at, found->second);
  directories_.erase(found);
}

void PathWatches::notify(const Step& step) {
  for (PathFollower* follower : step.followers) follower->path_changed();
}

}  // namespace lookout
