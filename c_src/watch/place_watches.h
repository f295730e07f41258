// Watches on the way to the roots: a root that is renamed, replaced or made again is noticed at
// one of the directories (or symbolic links) that its path leads through.
#pragma once

#include <string>
#include <unordered_map>
#include <unordered_set>

#include "watch/hint.h"
#include "watch/hint_source.h"
#include "watch/remote_mounts.h"

namespace lookout {

class PlaceWatches {
 public:
  PlaceWatches(HintSource& source, const RemoteMounts& mounts) : source_(source), mounts_(mounts) {}

  // Whether there are hints at all.
  bool live() const { return source_.fd() >= 0; }

  // Watches every directory that `path` leads through, as far as it exists: for its own move or
  // deletion, and where the next step is missing or no directory, for names as well.
  // Directories that may not be read are passed over. Returns whether something is watched that was
  // not before, or went while it was followed: what stands at the path is to be looked at again.
  bool follow(const std::string& path);

  // Whether this hint may change where a followed path leads.
  bool concerns(const Hint& hint) const;

  // Whether there were no watches left for some place.
  bool lacking() const { return lacking_; }

  bool holds(int watch) const { return places_.contains(watch); }

  // Forgets all places; the watches that `in_use` does not claim are removed.
  template <class InUse>
  void clear(InUse in_use) {
    for (const auto& [watch, names] : places_) {
      if (!in_use(watch)) source_.unwatch(watch);
    }
    places_.clear();
    lacking_ = false;
  }

 private:
  bool add(const std::string& directory, const std::string* name);
  int watch_place(const std::string& directory, bool entries);

  HintSource& source_;
  const RemoteMounts& mounts_;
  std::unordered_map<int, std::unordered_set<std::string>> places_;  // watch -> names that matter
  bool lacking_ = false;
};

}  // namespace lookout
