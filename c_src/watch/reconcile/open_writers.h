// Files whose report waits until their writers are done (`:await`). Reconciler owns it.
//
// The check of an entry asks must_wait() before it reports a file. While the answer is true, a
// timer of the engine has all waiting files checked again, since the end of a writable mapping
// causes no event.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <unordered_set>
#include <vector>

#include "watch/disk/directory_cache.h"
#include "watch/disk/disk.h"
#include "watch/disk/remote_mounts.h"
#include "watch/model/dirty_set.h"
#include "watch/model/trail.h"
#include "watch/model/tree.h"
#include "watch/reconcile/root_settings.h"

namespace lookout {

class OpenWriters {
 public:
  OpenWriters(const Tree& tree, const RootSettings& roots, const RemoteMounts& mounts,
              DirectoryCache& directories)
      : tree_(tree), roots_(roots), mounts_(mounts), directories_(directories) {}
  OpenWriters(const OpenWriters&) = delete;
  OpenWriters& operator=(const OpenWriters&) = delete;

  // The check of a name begins: adds the hints that were kept for it. It waits no longer.
  void begin_check(DirtyName& dirty);
  // Whether the report of the file that is being checked must wait. If nothing but hints shows
  // whether there are writers, they are done when one of them closes the file.
  bool must_wait(const DirtyName& place, const FileStatus& seen);
  // The check of the name continues later: a file that was waiting still waits.
  void keep(const DirtyName& place);

  std::size_t waiting() const { return waiting_.size(); }
  std::vector<DirEntry> names() const;
  // The entries that the tree has under these names.
  std::unordered_set<NodeId> nodes() const;

 private:
  struct Waiting {
    Hints hints;
    std::int64_t since;  // monotonic, nanoseconds
  };

  const Tree& tree_;
  const RootSettings& roots_;
  const RemoteMounts& mounts_;
  DirectoryCache& directories_;
  std::map<DirEntry, Waiting> waiting_;
  // Since when the file that is being checked was waiting; nullopt if it was not.
  std::optional<std::int64_t> checked_since_;
};

}  // namespace lookout
