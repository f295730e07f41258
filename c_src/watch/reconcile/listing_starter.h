// Starts the listing of a directory: opens it, watches it, loads its rules, and opens the listing.
// The watch comes before the listing, so that no change between the two is missed. Reconciler owns
// one for rounds and one for the crawl; DirectoryScan calls it.
#pragma once

#include "watch/disk/directory_cache.h"
#include "watch/disk/read_ahead.h"
#include "watch/disk/remote_mounts.h"
#include "watch/model/tree.h"
#include "watch/model/visibility.h"
#include "watch/reconcile/access_failures.h"
#include "watch/reconcile/directory_watcher.h"
#include "watch/reconcile/entry_check.h"
#include "watch/reconcile/entry_comparison.h"
#include "watch/reconcile/entry_loader.h"
#include "watch/reconcile/listings.h"
#include "watch/reconcile/moments.h"
#include "watch/reconcile/pass.h"
#include "watch/reconcile/root_settings.h"
#include "watch/reconcile/round_progress.h"

namespace lookout {

class ListingStarter {
 public:
  // `loader` is that of a crawl, and nullptr for a round.
  ListingStarter(Tree& tree, Visibility& visibility, const RemoteMounts& mounts,
                 const RootSettings& roots, DirectoryCache& directories, ReadAhead& read_ahead,
                 Moments& moments, RoundProgress& progress, DirectoryWatcher& watcher,
                 AccessFailures& failures, EntryComparison& comparison, EntryCheck& check,
                 EntryLoader* loader, Pass& pass, Listings& listings)
      : tree_(tree),
        visibility_(visibility),
        mounts_(mounts),
        roots_(roots),
        directories_(directories),
        read_ahead_(read_ahead),
        moments_(moments),
        progress_(progress),
        watcher_(watcher),
        failures_(failures),
        comparison_(comparison),
        check_(check),
        loader_(loader),
        pass_(pass),
        listings_(listings) {}
  ListingStarter(const ListingStarter&) = delete;
  ListingStarter& operator=(const ListingStarter&) = delete;

  // Adds the listing of a directory that was taken from the agenda. If that is limited to single
  // files, checks these. What cannot be listed now is tried again later.
  void start(NodeId directory);

 private:
  void check_single_files(NodeId directory, const Visibility::Names& names, bool suspect,
                          std::int64_t started);
  void open_listing(NodeId directory, const DirectoryFd& fd, bool suspect, std::int64_t started);

  Tree& tree_;
  Visibility& visibility_;
  const RemoteMounts& mounts_;
  const RootSettings& roots_;
  DirectoryCache& directories_;
  ReadAhead& read_ahead_;
  Moments& moments_;
  RoundProgress& progress_;
  DirectoryWatcher& watcher_;
  AccessFailures& failures_;
  EntryComparison& comparison_;
  EntryCheck& check_;
  EntryLoader* loader_;
  Pass& pass_;
  Listings& listings_;
};

}  // namespace lookout
