// Watches the components of paths. PathWatches resolves a path for a follower and notifies that
// follower when the path may resolve differently: a component was renamed, deleted, replaced or
// created, or a symbolic link in it was switched.
//
// Paths share their components. The result of the last check of a component stays valid until the
// kernel reports a change of it, so following one more path costs system calls only for the
// components that no other path has.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
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
  // PathWatches from this function.
  virtual void path_changed() = 0;
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
    std::string real;     // without symbolic links, up to the last existing component
    bool whole = false;   // an entry exists at the end of the path
    bool watched = true;  // false: the kernel does not report changes of some component
    bool settled = true;  // false: it changed during each attempt; try again after a while
  };
  // Resolves an absolute path and watches each directory in it: for its own move and deletion, and
  // for its names if the next component is missing or is no directory. The directory at the end of
  // the path is watched only with `watch_end`. Releases the components that this follower followed
  // before and that the path no longer has.
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

  // Whether a component of a followed path has this watch.
  bool holds(int watch) const { return by_watch_.contains(watch); }

 private:
  // A name in a directory that some followed path leads through.
  struct Step {
    PathStep found{PathStep::Kind::missing, {}};
    bool known = false;  // no change was reported since the last check
    bool named = false;  // the directory reports the name, even if the entry is a directory itself
    std::vector<PathFollower*> followers;  // sorted
  };
  struct Directory {
    int watch = -1;
    bool entries = false;  // its watch reports names as well
    std::unordered_map<std::string, Step> steps;
  };
  using Directories = std::map<std::string, Directory>;  // keyed by path without symbolic links
  using StepKey = std::pair<std::string, std::string>;   // directory and name

  struct Walk {
    Resolution resolution;
    std::vector<StepKey> steps;
    bool again = false;  // a component changed during the resolution
  };

  Walk resolve(const std::string& path, bool watch_end);
  PathStep step(Walk& walk, const std::string& at, const std::string& name);
  bool enter(Walk& walk, const std::string& at);
  void watch_name(Walk& walk, const std::string& path);
  bool watch_names(Walk& walk, const std::string& at, Directory& directory);
  bool is_valid(const std::string& at, const std::string& name, const Step& step) const;
  int watch(const std::string& directory, bool entries);
  void drop_watch(const std::string& at, Directory& directory);
  void leave(int watch);
  void lose_watch(const std::string& at, Directory& directory);
  void forget_step(const std::string& path);
  void release(PathFollower& follower, const StepKey& key);
  void drop_step(const StepKey& key);
  void prune(const std::string& at);
  static void notify(const Step& step);

  HintSource& source_;
  const RemoteMounts& mounts_;
  std::function<bool(int)> in_use_;
  Directories directories_;
  // The paths of the directories that have a watch: several if a directory is mounted twice.
  std::unordered_map<int, std::vector<std::string>> by_watch_;
  std::unordered_map<PathFollower*, std::vector<StepKey>> followed_;
};

}  // namespace lookout
