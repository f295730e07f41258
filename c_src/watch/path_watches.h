// Watches on the components of paths. A path that is followed is resolved, and its follower is
// notified when the path may resolve differently: a component was renamed, deleted, replaced or
// created, or a symbolic link in it was switched.
//
// The components are shared. What each one was when it was last checked stays valid until the
// kernel reports a change of it, so to follow one more path costs system calls for the components
// that no other path has.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "watch/hint.h"
#include "watch/hint_source.h"
#include "watch/remote_mounts.h"
#include "watch/way.h"

namespace lookout {

class PathFollower {
 public:
  virtual ~PathFollower() = default;
  // The path may resolve differently now: follow it again. Must not call PathWatches.
  virtual void path_changed() = 0;
};

class PathWatches {
 public:
  // `in_use` says whether somebody else needs a watch, which is then not removed.
  PathWatches(HintSource& source, const RemoteMounts& mounts, std::function<bool(int)> in_use)
      : source_(source), mounts_(mounts), in_use_(std::move(in_use)) {}
  PathWatches(const PathWatches&) = delete;
  PathWatches& operator=(const PathWatches&) = delete;

  // Whether the kernel sends events at all.
  bool live() const { return source_.fd() >= 0; }

  struct Resolution {
    std::string real;     // without symbolic links, as far as it exists
    bool whole = false;   // an entry exists at its end
    bool watched = true;  // false: changes of some component are not reported
    bool settled = true;  // false: it changed each time it was resolved; try again after a while
  };
  // Resolves an absolute path and watches each directory in it: for its own move and deletion, and
  // for names where the next component is missing or is no directory. The directory at the end of
  // the path is watched only with `watch_end`. What was followed for this follower before is
  // released.
  Resolution follow(PathFollower& follower, const std::string& path, bool watch_end = false);
  void unfollow(PathFollower& follower);

  // Notifies those whose path this event concerns.
  void take(const Hint& hint);
  // Notifies those whose path leads to `place` or through it: something was mounted there.
  void doubt(const std::string& place);
  // As doubt(), where another directory than before is at `place`. The table of mounts does not
  // tell: numbers of mounts and devices are used again.
  void verify(const std::string& place);
  // Notifies all: events were lost.
  void doubt_all();

  // Whether a component of a followed path has this watch.
  bool holds(int watch) const { return by_watch_.contains(watch); }

 private:
  // A name in a directory that some path leads through.
  struct Step {
    WayStep found{WayStep::Kind::missing, {}};
    bool known = false;  // nothing was reported since it was checked
    bool named = false;  // the directory reports the name, whatever kind of entry it is
    std::vector<PathFollower*> followers;  // sorted
  };
  struct Directory {
    int watch = -1;
    bool entries = false;  // it reports names as well
    std::unordered_map<std::string, Step> steps;
  };
  using Directories = std::map<std::string, Directory>;  // by their paths without symbolic links
  using StepKey = std::pair<std::string, std::string>;   // directory and name

  struct Walk {
    Resolution resolution;
    std::vector<StepKey> steps;
    bool again = false;  // a component changed while it was resolved
  };

  Walk resolve(const std::string& path, bool watch_end);
  WayStep step(Walk& walk, const std::string& at, const std::string& name);
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
  // The paths of the directories that have a watch: several where one is mounted twice.
  std::unordered_map<int, std::vector<std::string>> by_watch_;
  std::unordered_map<PathFollower*, std::vector<StepKey>> followed_;
};

}  // namespace lookout
