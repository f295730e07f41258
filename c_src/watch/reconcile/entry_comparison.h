// Compares an entry that is still at its path, or was just added there, with what the tree has
// recorded, and reports what has changed. Reconciler owns it; the classes of reconcile/ call it.
#pragma once

#include <cstdint>

#include "watch/disk/directory_cache.h"
#include "watch/disk/disk.h"
#include "watch/model/tree.h"
#include "watch/model/visibility.h"
#include "watch/reconcile/access_failures.h"
#include "watch/reconcile/directory_watcher.h"
#include "watch/reconcile/entry_reader.h"
#include "watch/reconcile/hard_links.h"
#include "watch/reconcile/hint_intake.h"
#include "watch/reconcile/moments.h"
#include "watch/reconcile/open_writers.h"
#include "watch/reconcile/pass.h"
#include "watch/reconcile/retries.h"
#include "watch/reconcile/root_settings.h"

namespace lookout {

class EntryComparison {
 public:
  EntryComparison(Tree& tree, Visibility& visibility, const RootSettings& roots,
                  DirectoryCache& directories, Moments& moments, Retries& retries,
                  HintIntake& hints, HardLinks& hard_links, OpenWriters& writers,
                  DirectoryWatcher& watcher, EntryReader& reader, AccessFailures& failures)
      : tree_(tree),
        visibility_(visibility),
        roots_(roots),
        directories_(directories),
        moments_(moments),
        retries_(retries),
        hints_(hints),
        hard_links_(hard_links),
        writers_(writers),
        watcher_(watcher),
        reader_(reader),
        failures_(failures) {}
  EntryComparison(const EntryComparison&) = delete;
  EntryComparison& operator=(const EntryComparison&) = delete;

  // The entry is at its path: checks whether it has changed. A directory that must be listed is
  // added to the agenda of the pass.
  void compare(NodeId node, const FileStatus& seen, Hints hints, Pass& pass);
  // The same for a regular file with one link, if it is unchanged. Otherwise does nothing and
  // returns false.
  bool confirm(NodeId file, const FileStatus& seen, Hints hints);
  void compare_mode(NodeId directory, std::uint16_t mode, Pass& pass);
  // The tree has a directory at its own path, or at the path of a link if `linked`: other links to
  // it are checked.
  void found(NodeId directory, bool linked);
  // Records the properties of a directory that was just added to the tree, and has it listed.
  void record_new_directory(NodeId directory, const FileStatus& seen, Agenda& agenda);

 private:
  void compare_file(NodeId node, const FileStatus& seen, Hints hints, Pass& pass);
  void compare_directory(NodeId node, const FileStatus& seen, Hints hints, Pass& pass);
  void report_attributes(NodeId directory, Pass& pass);
  void watch_opaque(NodeId directory);

  Tree& tree_;
  Visibility& visibility_;
  const RootSettings& roots_;
  DirectoryCache& directories_;
  Moments& moments_;
  Retries& retries_;
  HintIntake& hints_;
  HardLinks& hard_links_;
  OpenWriters& writers_;
  DirectoryWatcher& watcher_;
  EntryReader& reader_;
  AccessFailures& failures_;
};

}  // namespace lookout
