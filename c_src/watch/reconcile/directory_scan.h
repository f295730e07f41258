// Lists the directories of an agenda, and checks what the listings meet. A round has a scan, and
// the crawl has another one: the scan of a round checks and reports entries that are new, that of
// the crawl loads them. Reconciler owns both and calls them.
#pragma once

#include <cstddef>

#include "watch/disk/directory_cache.h"
#include "watch/disk/disk.h"
#include "watch/disk/remote_mounts.h"
#include "watch/model/tree.h"
#include "watch/model/visibility.h"
#include "watch/reconcile/access_failures.h"
#include "watch/reconcile/departures.h"
#include "watch/reconcile/entry_check.h"
#include "watch/reconcile/entry_loader.h"
#include "watch/reconcile/entry_reader.h"
#include "watch/reconcile/listing_starter.h"
#include "watch/reconcile/listings.h"
#include "watch/reconcile/moments.h"
#include "watch/reconcile/pass.h"
#include "watch/reconcile/root_settings.h"
#include "watch/reconcile/round_queue.h"

namespace lookout {

class DirectoryScan {
 public:
  // `loader` is that of a crawl, and nullptr for a round.
  DirectoryScan(Tree& tree, Visibility& visibility, const RemoteMounts& mounts,
                const DirectoryCache& directories, const RootSettings& roots, Moments& moments,
                RoundQueue& queue, const Departures& departures, AccessFailures& failures,
                EntryReader& reader, EntryCheck& check, EntryLoader* loader, Pass& pass,
                Listings& listings, ListingStarter& starter)
      : tree_(tree),
        visibility_(visibility),
        mounts_(mounts),
        directories_(directories),
        roots_(roots),
        moments_(moments),
        queue_(queue),
        departures_(departures),
        failures_(failures),
        reader_(reader),
        check_(check),
        loader_(loader),
        pass_(pass),
        listings_(listings),
        starter_(starter) {}
  DirectoryScan(const DirectoryScan&) = delete;
  DirectoryScan& operator=(const DirectoryScan&) = delete;

  // Starts a listing, or continues the first one. Starts listings until `depth` are open, and then
  // none until at most `depth / 2` are left; with 0, none. Returns false if there is no listing and
  // none may be started.
  bool step(std::size_t depth);
  // Puts the directories whose listings are read ahead back on the agenda, so that they are not
  // kept open. The first listing stays.
  void put_back();

 private:
  void take_item(const Listing& listing, const DirectoryReader::Item& item);
  void add_item(const Listing& listing, const DirectoryReader::Item& item, bool believed,
                bool link);
  void compare_item(const Listing& listing, const DirectoryReader::Item& item, NodeId known,
                    bool believed);
  bool needs_listing(NodeId node) const;
  bool is_to_be_compared(NodeId node) const;
  void end_listing(Listing& listing, int code);
  bool sweep_step(Listing& listing);
  void finish(const Listing& listing);

  Tree& tree_;
  Visibility& visibility_;
  const RemoteMounts& mounts_;
  const DirectoryCache& directories_;
  const RootSettings& roots_;
  Moments& moments_;
  RoundQueue& queue_;
  const Departures& departures_;
  AccessFailures& failures_;
  EntryReader& reader_;
  EntryCheck& check_;
  EntryLoader* loader_;
  Pass& pass_;
  Listings& listings_;
  ListingStarter& starter_;
  bool begins_ = false;  // starts listings until there are as many as `depth` in step()
};

}  // namespace lookout
