// The entries that are mount points and no directories, and what watches each. What is done to such
// a file is an event of the directory that it was mounted from, so it has a watch of its own. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "watch/trail.h"
#include "watch/tree.h"

namespace lookout {

class FileWatches {
 public:
  struct Watched {
    Identity identity;  // of what is mounted there
    int watch;          // or one of these
  };
  static constexpr int kPolled = -1;
  static constexpr int kLeftOut = -2;  // on a pseudo file system

  bool empty() const { return files_.empty(); }
  const Watched* find(const Place& place) const;
  void set(const Place& place, Watched watched) { files_[place] = watched; }
  void erase(const Place& place) { files_.erase(place); }
  // A directory leaves the tree. Returns the watches of entries in it.
  std::vector<int> forget(NodeId directory);

  // The places that have this watch: one file may be mounted at several.
  std::vector<Place> with_watch(int watch) const;
  bool in_use(int watch) const { return !with_watch(watch).empty(); }
  std::vector<Place> all() const;
  std::vector<Place> polled() const { return with_watch(kPolled); }
  std::uint64_t watches() const;  // each counts once

 private:
  std::map<Place, Watched> files_;
};

}  // namespace lookout
