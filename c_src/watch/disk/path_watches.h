// Watches the components of paths. PathWatches resolves a path for a follower, and notifies the
// follower when the path may resolve differently: when a component was created, renamed, deleted or
// replaced. EngineModel owns it; roots and followed links are its followers.
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
  bool notified_ = false;  // path_changed() was called since the last follow()
};

class PathWatches {
 public:
  // `in_use` returns whether something else uses a watch. PathWatches does not remove such a watch.
  PathWatches(HintSource& source, const RemoteMounts& mounts, std::function<bool(int)> in_use)
      : source_(source), mounts_(mounts), in_use_(std::move(in_use)) {}
  PathWatches(const PathWatches&) = delete;
  PathWatches& operator=(const PathWatches&) = delete;

  // Returns whether the kernel reports events at all. False in a build without a hint source.
  bool has_events() const { return source_.fd() >= 0; }

  struct Resolution {
    std::string real;       // the path without symbolic links, up to the last existing component
    bool exists = false;    // an entry exists at the end of the path
    bool watched = true;    // false: the kernel does not report changes of some component
    bool too_long = false;  // the path was not resolved to its end: see PathEnd
    bool stable = true;     // false: the path changed during each attempt; try again later
    int steps = 0;          // as in PathEnd
  };
  // Resolves an absolute path and watches each directory that contains a component of it:
  //  - for its own move and deletion;
  //  - for all names, if the component is missing, is not a directory, or may not be read;
  //  - for deleted names, if the component is a directory and the path leads to no entry in it.
  // Watches the directory at the end of the path itself only with `watch_end`. Replaces the path
  // that this follower followed before, and removes the watches that only that path needed.
  Resolution follow(PathFollower& follower, const std::string& path, bool watch_end = false);
  void unfollow(PathFollower& follower);

  // Handles an event: invalidates the path that it reports as changed, if a followed path leads
  // through it.
  void take(const Hint& hint);
  // The entry at `path` may have changed, or a file system was mounted there: removes the watches
  // at and below `path`, and notifies the followers whose paths lead to it or through it.
  void invalidate(const std::string& path);
  // Invalidates `path` if another directory exists there now. Adds the watch again to find that
  // out: the mount table does not show it, since the kernel reuses mount IDs and device numbers.
  void verify(const std::string& path);
  // Invalidates all paths, because events were lost.
  void invalidate_all();
  // A resolution may lead through a file system that was mounted only briefly and is in no reading
  // of the mount table. So a resolution is unconfirmed until the kernel reports that the table has
  // not changed: then the caller calls confirm(). Otherwise it calls invalidate_unconfirmed(),
  // which notifies the followers.
  void confirm() { unconfirmed_.clear(); }
  bool any_unconfirmed() const { return !unconfirmed_.empty(); }
  void invalidate_unconfirmed();

  // Returns whether a followed path needs this watch.
  bool has_watch(int watch) const { return by_watch_.contains(watch); }
  // The number of directories that invalidate() has visited since the start, for tests.
  std::uint64_t visited() const { return visited_; }

 private:
  // A name in a directory that some followed path leads through.
  struct Step {
    PathStep found{PathStep::Kind::missing, {}};
    bool checked = false;           // and no event has reported a change since then
    bool reported_by_name = false;  // by the directory: the entry cannot have a watch of its own
    // invalidate() has handled this step, and no path was resolved through it since then. Further
    // events need no work.
    bool invalidated = false;
    std::vector<PathFollower*> followers;  // unsorted, each once
  };
  // Keyed by name. The name "" stands for the directory itself (`watch_end`).
  using Steps = std::unordered_map<std::string, Step>;
  struct Directory {
    int watch = kNoWatch;
    NamesIn names = NamesIn::none;  // the changes of names that its watch reports
    Steps steps;
  };
  using Directories = std::map<std::string, Directory>;  // keyed by path without symbolic links
  // Refers to a step in `directories_`. The pointers stay valid as long as the step has a follower:
  // neither container moves its elements.
  struct StepRef {
    Directories::value_type* directory;
    Steps::value_type* step;
    bool operator==(const StepRef&) const = default;
    bool operator<(const StepRef& other) const { return step < other.step; }
  };

  struct FollowedStep {
    StepRef ref;
    std::size_t index;  // of the follower in Step::followers
  };

  struct Walk {
    Resolution resolution;
    std::vector<StepRef> steps;
    bool changed = false;      // a component changed during the resolution: resolve the path again
    bool names_added = false;  // a directory reports names now that it did not report before
  };

  Walk resolve(const std::string& path, bool watch_end);
  PathStep step(Walk& walk, const std::string& at, const std::string& name);
  StepRef add_step(Walk& walk, const std::string& at, const std::string& name);
  bool watch_directory(Walk& walk, const std::string& at);
  void watch_in_parent(Walk& walk, const std::string& path);
  bool watch_names(Walk& walk, const std::string& at, Directory& directory, NamesIn names);
  void watch_ends(Walk& walk);
  bool is_valid(const std::string& at, const std::string& name, const Step& step) const;
  int watch(const std::string& directory, NamesIn names);
  void remove_watch(const std::string& at, Directory& directory);
  void remove_if_unused(int watch);
  Step* find_step(const std::string& path);
  void invalidate_directory(const std::string& at, Directory& directory);
  void invalidate_step(const std::string& path);
  static void invalidate_step(Step& step);
  void remove_follower(const FollowedStep& step);
  void remove_unused(const StepRef& ref);
  void prune(const std::string& at);
  static void notify(PathFollower& follower);

  HintSource& source_;
  const RemoteMounts& mounts_;
  std::function<bool(int)> in_use_;
  Directories directories_;
  // The paths of the directory with each watch: several if it is mounted more than once.
  std::unordered_map<int, std::vector<std::string>> by_watch_;
  std::unordered_map<PathFollower*, std::vector<FollowedStep>> followed_;  // sorted, each step once
  std::set<PathFollower*> unconfirmed_;
  std::uint64_t visited_ = 0;
};

}  // namespace lookout
