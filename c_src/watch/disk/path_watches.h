// Watches the components of paths. PathWatches resolves a path for a follower and notifies that
// follower when the path may resolve differently: a component was renamed, deleted, replaced or
// created, or a symbolic link in it was switched.
//
// Paths share their components. The result of the last check of a component stays valid until the
// kernel reports a change of it, so following one more path costs system calls only for the
// components that no other path has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "watch/disk/path_walk.h"
#include "watch/disk/remote_mounts.h"
#include "watch/model/hint.h"
#include "watch/sources/hint_source.h"

namespace lookout {

class PathFollower {
 public:
  virtual ~PathFollower() = default;
  // The path may resolve differently now: the follower must follow it again, but must not call
  // PathWatches from this function. It is not called again until the follower has done so.
  virtual void path_changed() = 0;

 private:
  friend class PathWatches;
  bool notified_ = false;  // since it last followed a path
};

class PathWatches {
 public:
  // `in_use` returns whether another owner needs a watch, which is then not removed.
  PathWatches(HintSource& source, const RemoteMounts& mounts, std::function<bool(int)> in_use)
      : source_(source), mounts_(mounts), in_use_(std::move(in_use)) {}
  PathWatches(const PathWatches&) = delete;
  PathWatches& operator=(const PathWatches&) = delete;

  // Whether the kernel sends events at all.
  bool live() const { return source_.fd() >= 0; }

  struct Resolution {
    std::string real;       // without symbolic links, up to the last existing component
    bool whole = false;     // an entry exists at the end of the path
    bool watched = true;    // false: the kernel does not report changes of some component
    bool too_long = false;  // it has more components than are resolved: see PathEnd
    bool stable = true;     // false: it changed during each attempt; try again after a while
    int steps = 0;          // as in PathEnd
  };
  // Resolves an absolute path and watches each directory in it: always for its own move and
  // deletion; for all names in it if the next component is missing or is no directory; for names
  // that are deleted if the path leads to no entry in the next component. The directory at the end
  // of the path is watched only with `watch_end`. Releases the components that this follower
  // followed before and that the path no longer has.
  Resolution follow(PathFollower& follower, const std::string& path, bool watch_end = false);
  void unfollow(PathFollower& follower);

  // Notifies the followers whose path this event concerns.
  void take(const Hint& hint);
  // Notifies the followers whose path leads to `place` or through it: a file system was mounted
  // there, or the entry may have changed.
  void doubt(const std::string& place);
  // As doubt(), but only if another directory than before is at `place`. The mount table cannot
  // answer that, since the kernel reuses mount IDs and device numbers.
  void verify(const std::string& place);
  // Notifies all followers, since events were lost.
  void doubt_all();
  // A file system that is mounted for a moment may be seen by a resolution and be in no reading of
  // the mount table. So each resolution is unconfirmed until the kernel was asked for a change of
  // the table and had none: confirm(). If it had one, doubt_unconfirmed() notifies the followers.
  void confirm() { unconfirmed_.clear(); }
  bool any_unconfirmed() const { return !unconfirmed_.empty(); }
  void doubt_unconfirmed();

  // Whether a component of a followed path has this watch.
  bool holds(int watch) const { return by_watch_.contains(watch); }
  // Directories that doubt() has looked at since the start.
  std::uint64_t looked_at() const { return looked_at_; }

 private:
  // A name in a directory that some followed path leads through.
  struct Step {
    PathStep found{PathStep::Kind::missing, {}};
    bool known = false;  // no change was reported since the last check
    bool named = false;  // the directory reports the name, even if the entry is a directory itself
    // No path was followed through this step since its followers were notified and the directories
    // below it lost their watches: another change here concerns nobody.
    bool doubted = false;
    std::vector<PathFollower*> followers;  // in no order, each once
  };
  using Steps = std::unordered_map<std::string, Step>;  // keyed by name
  struct Directory {
    int watch = -1;
    NamesIn names = NamesIn::none;  // the names that its watch reports
    Steps steps;
  };
  using Directories = std::map<std::string, Directory>;  // keyed by path without symbolic links
  // A step in `directories_`: neither table moves its elements, and a step with a follower stays.
  struct StepRef {
    Directories::value_type* directory;
    Steps::value_type* step;
    bool operator==(const StepRef&) const = default;
    bool operator<(const StepRef& other) const { return step < other.step; }
  };

  struct FollowedStep {
    StepRef ref;
    std::size_t place;  // of the follower in the followers of the step
  };

  struct Walk {
    Resolution resolution;
    std::vector<StepRef> steps;
    bool again = false;  // a component changed during the resolution
  };

  Walk resolve(const std::string& path, bool watch_end);
  PathStep step(Walk& walk, const std::string& at, const std::string& name);
  StepRef add_step(Walk& walk, const std::string& at, const std::string& name);
  bool enter(Walk& walk, const std::string& at);
  void watch_name(Walk& walk, const std::string& path);
  bool watch_names(Walk& walk, const std::string& at, Directory& directory, NamesIn names);
  void watch_ends(Walk& walk);
  bool is_valid(const std::string& at, const std::string& name, const Step& step) const;
  int watch(const std::string& directory, NamesIn names);
  void drop_watch(const std::string& at, Directory& directory);
  void leave(int watch);
  Step* find_step(const std::string& path);
  void lose_watch(const std::string& at, Directory& directory);
  void forget_step(const std::string& path);
  static void forget(Step& step);
  void remove_follower(const FollowedStep& step);
  void remove_unused(const StepRef& ref);
  void prune(const std::string& at);
  static void notify(PathFollower& follower);

  HintSource& source_;
  const RemoteMounts& mounts_;
  std::function<bool(int)> in_use_;
  Directories directories_;
  // The paths of the directories that have a watch: several if a directory is mounted twice.
  std::unordered_map<int, std::vector<std::string>> by_watch_;
  std::unordered_map<PathFollower*, std::vector<FollowedStep>> followed_;  // sorted, each step once
  std::set<PathFollower*> unconfirmed_;
  std::uint64_t looked_at_ = 0;
};

}  // namespace lookout
