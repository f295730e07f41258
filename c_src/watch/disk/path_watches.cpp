#include "watch/disk/path_watches.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "support/fd_link.h"

namespace lookout {
namespace {

// How often to resolve a path that keeps changing before a timer tries again.
constexpr int kMaxPathAttempts = 4;

std::string name_of(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

template <class Value>
void sort_once(std::vector<Value>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

// Finds a step in the sorted steps of a follower.
template <class Iterator, class StepRef>
Iterator find_followed(Iterator begin, Iterator end, const StepRef& ref) {
  const auto found = std::lower_bound(
      begin, end, ref, [](const auto& step, const StepRef& wanted) { return step.ref < wanted; });
  return found != end && found->ref == ref ? found : end;
}

bool is_changed(int code) {
  return code == ENOENT || code == ENOTDIR || code == ELOOP;
}

}  // namespace

PathWatches::Resolution PathWatches::follow(PathFollower& follower, const std::string& path,
                                            bool watch_end) {
  follower.notified_ = false;
  Walk walk;
  std::vector<StepRef> earlier;
  for (int attempt = 0; attempt < kMaxPathAttempts; ++attempt) {
    walk = resolve(path, watch_end);
    if (!walk.changed) break;
    earlier.insert(earlier.end(), walk.steps.begin(), walk.steps.end());
  }
  walk.resolution.stable = !walk.changed;
  sort_once(walk.steps);
  auto& followed = followed_[&follower];
  const std::vector<FollowedStep> before = std::exchange(followed, {});
  followed.reserve(walk.steps.size());
  for (const StepRef& ref : walk.steps) {
    const auto known = find_followed(before.begin(), before.end(), ref);
    if (known != before.end()) {
      followed.push_back(*known);
    } else {
      auto& followers = ref.step->second.followers;
      followed.push_back({ref, followers.size()});
      followers.push_back(&follower);
    }
  }
  unconfirmed_.insert(&follower);
  for (const FollowedStep& step : before) earlier.push_back(step.ref);
  sort_once(earlier);
  for (const StepRef& ref : earlier) {
    if (find_followed(followed.begin(), followed.end(), ref) != followed.end()) continue;
    const auto known = find_followed(before.begin(), before.end(), ref);
    if (known != before.end()) remove_follower(*known);
    remove_unused(ref);
  }
  return walk.resolution;
}

void PathWatches::unfollow(PathFollower& follower) {
  unconfirmed_.erase(&follower);
  const auto followed = followed_.find(&follower);
  if (followed == followed_.end()) return;
  const std::vector<FollowedStep> steps = std::move(followed->second);
  followed_.erase(followed);
  for (const FollowedStep& step : steps) {
    remove_follower(step);
    remove_unused(step.ref);
  }
}

PathWatches::Walk PathWatches::resolve(const std::string& path, bool watch_end) {
  Walk walk;
  const PathEnd end = lookout::walk(path, [&](const std::string& at, const std::string& name) {
    return walk.changed ? PathStep{PathStep::Kind::missing, {}} : step(walk, at, name);
  });
  walk.resolution.real = end.at;
  walk.resolution.exists = end.exists;
  walk.resolution.steps = end.steps;
  walk.resolution.too_long = end.too_long;
  if (end.too_long) walk.resolution.watched = false;
  if (watch_end && end.exists && !walk.changed && !walk.steps.empty()) {
    const Step& last = walk.steps.back().step->second;
    if (last.found.kind == PathStep::Kind::directory && watch_directory(walk, end.at)) {
      add_step(walk, end.at, "");
    }
  }
  watch_ends(walk);
  return walk;
}

// inotify(7) reports IN_DELETE_SELF when the inode is freed. So a directory that is removed does
// not report that as long as a process has it, or a file in it, open, works in it or has it mounted
// elsewhere. The directory above reports the name at once. A directory that is not empty cannot be
// removed, so that is needed only where the path does not lead to an entry in it.
void PathWatches::watch_ends(Walk& walk) {
  if (walk.changed) return;
  for (std::size_t i = 0; i < walk.steps.size(); ++i) {
    auto& [at, directory] = *walk.steps[i].directory;
    auto& [name, step] = *walk.steps[i].step;
    if (step.found.kind != PathStep::Kind::directory || name.empty()) continue;
    if (i + 1 < walk.steps.size()) {
      const auto& [below, entry] = *walk.steps[i + 1].step;
      const bool inside = walk.steps[i + 1].directory->first.size() > at.size();
      if (inside && !below.empty() && entry.found.kind != PathStep::Kind::missing) continue;
    }
    if (directory.watch < 0) continue;
    if (directory.names == NamesIn::none && !watch_names(walk, at, directory, NamesIn::deleted)) {
      continue;
    }
    // The entry was checked before its name was watched.
    if (walk.names_added && !step.checked && !step.reported_by_name) walk.changed = true;
  }
}

// Adds the watch before the check, so that no change between the two is missed.
PathStep PathWatches::step(Walk& walk, const std::string& at, const std::string& name) {
  if (!watch_directory(walk, at)) return {PathStep::Kind::missing, {}};
  const StepRef ref = add_step(walk, at, name);
  Directory& directory = ref.directory->second;
  Step& step = ref.step->second;
  if (is_valid(at, name, step)) return step.found;
  verify(join(at, name));
  step.invalidated = false;
  for (;;) {
    const auto found = mounts_.step(join(at, name));
    if (!found) {  // the mount does not answer
      walk.resolution.watched = false;
      return {PathStep::Kind::missing, {}};
    }
    step.found = *found;
    const bool by_name = step.reported_by_name || found->kind != PathStep::Kind::directory;
    const bool reported = !by_name || directory.names == NamesIn::all;
    if (reported || !watch_names(walk, at, directory, NamesIn::all)) {
      step.checked = directory.watch >= 0 && reported;
      return step.found;
    }
  }
}

PathWatches::StepRef PathWatches::add_step(Walk& walk, const std::string& at,
                                           const std::string& name) {
  auto& directory = *directories_.try_emplace(at).first;
  auto& step = *directory.second.steps.try_emplace(name).first;
  step.second.invalidated = false;
  return walk.steps.emplace_back(StepRef{&directory, &step});
}

// Watches a directory on whose entries the path depends. Returns false if none exists at `at` any
// more.
bool PathWatches::watch_directory(Walk& walk, const std::string& at) {
  Directory& directory = directories_[at];
  if (directory.watch >= 0 || !has_events()) {
    if (!has_events()) walk.resolution.watched = false;
    return true;
  }
  directory.watch = watch(at, NamesIn::none);
  if (directory.watch >= 0) {
    by_watch_[directory.watch].push_back(at);
    return true;
  }
  if (is_changed(errno)) {
    walk.changed = true;
    invalidate_step(at);
    prune(at);
    return false;
  }
  if (errno == EACCES && at != "/") {
    watch_in_parent(walk, at);
  } else {
    walk.resolution.watched = false;
  }
  return true;
}

// A directory without read permission cannot have a watch: its parent reports its name instead.
void PathWatches::watch_in_parent(Walk& walk, const std::string& path) {
  const std::string above = parent_of(path);
  const auto directory = directories_.find(above);
  if (directory == directories_.end() || directory->second.watch < 0) {
    walk.resolution.watched = false;
    return;
  }
  Step& step = directory->second.steps[name_of(path)];
  if (std::exchange(step.reported_by_name, true)) return;
  step.checked = false;
  walk.changed = true;
}

bool PathWatches::watch_names(Walk& walk, const std::string& at, Directory& directory,
                              NamesIn names) {
  const int watch = directory.watch < 0 ? kNoWatch : this->watch(at, names);
  if (watch >= 0 && watch == directory.watch) {
    // What was removed before was not reported.
    if (directory.names == NamesIn::none) {
      for (auto& [name, step] : directory.steps) step.checked = false;
      walk.names_added = true;
    }
    directory.names = names;
    return true;
  }
  if (directory.watch >= 0 && (watch >= 0 || is_changed(errno))) {
    walk.changed = true;  // another directory is at this path now
    invalidate(at);
    remove_if_unused(watch);
  } else {
    walk.resolution.watched = false;
  }
  return false;
}

// Returns whether the result of the last check of a step is still valid. A directory reports its
// own move, and watch_ends() has its deletion reported.
bool PathWatches::is_valid(const std::string& at, const std::string& name, const Step& step) const {
  if (!step.checked) return false;
  if (step.reported_by_name || step.found.kind != PathStep::Kind::directory) return true;
  const auto child = directories_.find(join(at, name));
  return child != directories_.end() && child->second.watch >= 0;
}

int PathWatches::watch(const std::string& directory, NamesIn names) {
  const auto& mount = mounts_.at(directory);
  if (mounts_.none()) return source_.watch_path(directory.c_str(), names);
  if (!mount) {
    const UniqueFd fd = open_without_links(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd ? source_.watch_path((fd_link(fd.get()) + "/.").c_str(), names) : kNoWatch;
  }
  errno = 0;  // the call sets the errno of the other thread
  const std::string what = (names == NamesIn::none ? "place " : "names in ") + directory;
  return mount
      ->ask(what, [own = source_.shared_from_this(), directory,
                   names] { return own->watch_path(directory.c_str(), names); })
      .value_or(kNoWatch);
}

void PathWatches::take(const Hint& hint) {
  const auto watched = by_watch_.find(hint.watch);
  if (watched == by_watch_.end()) return;
  const bool gone = hint.ended || (hint.hints & hint::kSelfGone) != 0;
  if (hint.name.empty() ? !gone : (hint.hints & hint::kNameChange) == 0) return;
  const std::vector<std::string> paths = watched->second;
  for (const std::string& at : paths) {
    // The directory was moved or deleted: the watches below it would report events of other paths.
    if (hint.name.empty()) {
      invalidate(at);
    } else if (directories_.at(at).steps.contains(std::string(hint.name))) {
      invalidate(join(at, std::string(hint.name)));
    }
  }
}

// It is enough to notify the followers of the step for `path`: every path that leads below `path`
// leads through that step.
void PathWatches::invalidate(const std::string& path) {
  Step* const step = find_step(path);
  if (step != nullptr) {
    if (step->invalidated) return;
    invalidate_step(*step);
    step->invalidated = true;
  }
  const auto own = directories_.find(path);
  if (own != directories_.end()) {
    ++visited_;
    invalidate_directory(path, own->second);
  }
  const std::string below = path == "/" ? path : path + '/';
  for (auto at = directories_.upper_bound(below);
       at != directories_.end() && at->first.starts_with(below); ++at) {
    ++visited_;
    invalidate_directory(at->first, at->second);
  }
}

// The kernel returns the same watch descriptor for the same directory.
void PathWatches::verify(const std::string& path) {
  const auto at = directories_.find(path);
  if (at == directories_.end() || at->second.watch < 0) return;
  const int watch = this->watch(path, at->second.names);
  if (watch == at->second.watch) return;
  invalidate(path);
  remove_if_unused(watch);
}

void PathWatches::invalidate_all() {
  for (auto& [at, directory] : directories_) invalidate_directory(at, directory);
}

void PathWatches::invalidate_unconfirmed() {
  std::set<const Directories::value_type*> entered;
  for (PathFollower* follower : unconfirmed_) {
    for (const FollowedStep& step : followed_.at(follower)) {
      entered.insert(step.ref.directory);
      step.ref.step->second.checked = false;
    }
    notify(*follower);
  }
  unconfirmed_.clear();
  for (const auto* directory : entered) verify(directory->first);
}

void PathWatches::remove_watch(const std::string& at, Directory& directory) {
  directory.names = NamesIn::none;
  const int watch = std::exchange(directory.watch, kNoWatch);
  if (watch < 0) return;
  const auto paths = by_watch_.find(watch);
  std::erase(paths->second, at);
  if (!paths->second.empty()) return;
  by_watch_.erase(paths);
  remove_if_unused(watch);
}

// Removes a watch that neither a followed path nor another owner uses.
void PathWatches::remove_if_unused(int watch) {
  if (watch >= 0 && !by_watch_.contains(watch) && !in_use_(watch)) source_.unwatch(watch);
}

// The directory may no longer be at its path. The caller also does this for all directories below.
void PathWatches::invalidate_directory(const std::string& at, Directory& directory) {
  remove_watch(at, directory);
  for (auto& [name, step] : directory.steps) {
    invalidate_step(step);
    step.invalidated = true;
  }
}

PathWatches::Step* PathWatches::find_step(const std::string& path) {
  if (path == "/") return nullptr;
  const auto above = directories_.find(parent_of(path));
  if (above == directories_.end()) return nullptr;
  const auto step = above->second.steps.find(name_of(path));
  return step == above->second.steps.end() ? nullptr : &step->second;
}

void PathWatches::invalidate_step(const std::string& path) {
  if (Step* const step = find_step(path)) invalidate_step(*step);
}

// Invalidates the last check of the entry and notifies the followers.
void PathWatches::invalidate_step(Step& step) {
  step.checked = false;
  for (PathFollower* follower : step.followers) notify(*follower);
}

// Takes constant time for any number of followers: moves the last one to the index of the removed
// one.
void PathWatches::remove_follower(const FollowedStep& step) {
  auto& followers = step.ref.step->second.followers;
  PathFollower* const last = followers.back();
  followers.pop_back();
  if (step.index == followers.size()) return;
  followers[step.index] = last;
  auto& steps = followed_.at(last);
  find_followed(steps.begin(), steps.end(), step.ref)->index = step.index;
}

// Removes a step that nobody follows.
void PathWatches::remove_unused(const StepRef& ref) {
  if (!ref.step->second.followers.empty()) return;
  auto& steps = ref.directory->second.steps;
  steps.erase(steps.find(ref.step->first));
  prune(ref.directory->first);
}

// Removes a directory and its watch if no followed path leads through it any more.
void PathWatches::prune(const std::string& at) {
  const auto found = directories_.find(at);
  if (found == directories_.end()) return;
  if (!found->second.steps.empty()) return;
  remove_watch(at, found->second);
  directories_.erase(found);
}

void PathWatches::notify(PathFollower& follower) {
  if (!std::exchange(follower.notified_, true)) follower.path_changed();
}

}  // namespace lookout
