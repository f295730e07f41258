// The entries that need a watch of their own, and these watches: mount points that are not
// directories, and single files named by a symbolic link. The kernel reports changes of a mounted
// file to the directory that it was mounted from, not to the directory of the mount point. Makes no
// system call. FileWatcher owns it and calls it.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "watch/model/trail.h"
#include "watch/model/tree.h"

namespace lookout {

class FileWatches {
 public:
  struct Watched {
    Identity identity;  // of the file that is mounted or linked to
    int watch;          // a watch descriptor, or one of the constants below
  };
  static constexpr int kPolled = -1;
  static constexpr int kLeftOut = -2;  // on a pseudo file system

  bool empty() const { return files_.empty(); }
  const Watched* find(const DirEntry& place) const;
  void set(const DirEntry& place, Watched watched);
  void erase(const DirEntry& place);
  // Removes the entries of a directory that leaves the tree. Returns their watches.
  std::vector<int> forget(NodeId directory);

  // Returns the entries with this watch: several if one file is mounted at several paths.
  const std::set<DirEntry>& with_watch(int watch) const;
  bool in_use(int watch) const { return by_watch_.contains(watch); }
  std::vector<DirEntry> all() const;
  const std::set<DirEntry>& polled() const { return with_watch(kPolled); }
  std::uint64_t watches() const;  // the number of distinct watches

 private:
  void leave(int watch, const DirEntry& place);

  std::map<DirEntry, Watched> files_;
  // An event and the removal of a file concern one watch: without this table, each would search all
  // files, of which the mount table may have many thousands.
  std::unordered_map<int, std::set<DirEntry>> by_watch_;
};

}  // namespace lookout
