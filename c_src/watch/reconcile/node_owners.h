// Removes the data of a node from all classes that keep some when the node leaves the tree, since
// its NodeId may be reused, and notifies the listings when it is moved. Reconciler owns it;
// Reconciler, EntryChanges and BlockerReplacement call it.
//
// A class with data by directory is added to `Owners` here and passed in by Reconciler; it has a
// member function forget_directory(NodeId). A class with data by file is called in erase().
#pragma once

#include <tuple>

#include "watch/disk/directory_cache.h"
#include "watch/disk/path_watches.h"
#include "watch/model/tree.h"
#include "watch/model/visibility.h"
#include "watch/reconcile/departures.h"
#include "watch/reconcile/file_watcher.h"
#include "watch/reconcile/followed_links.h"
#include "watch/reconcile/hard_links.h"
#include "watch/reconcile/listings.h"
#include "watch/reconcile/moments.h"
#include "watch/reconcile/notices.h"
#include "watch/reconcile/retries.h"
#include "watch/reconcile/round_progress.h"
#include "watch/reconcile/rule_loader.h"
#include "watch/sources/hint_source.h"

namespace lookout {

class NodeOwners {
 public:
  using Owners = std::tuple<FollowedLinks&, DirectoryCache&, FileWatcher&, Retries&, Moments&,
                            Visibility&, Notices&, Listings&, Listings&, RuleLoader&, RuleLoader&>;

  // `round` and `crawl` are the listings that may be sweeping over the node.
  NodeOwners(Tree& tree, HintSource& source, PathWatches& paths, RoundProgress& progress,
             HardLinks& hard_links, Departures& departures, Listings& round, Listings& crawl,
             Owners owners)
      : tree_(tree),
        source_(source),
        paths_(paths),
        progress_(progress),
        hard_links_(hard_links),
        departures_(departures),
        round_(round),
        crawl_(crawl),
        owners_(owners) {}
  NodeOwners(const NodeOwners&) = delete;
  NodeOwners& operator=(const NodeOwners&) = delete;

  // A node is about to be moved in the tree.
  void move(NodeId node);
  // Removes a node without children from the tree.
  void erase(NodeId node);

 private:
  void leave(NodeId node);

  Tree& tree_;
  HintSource& source_;
  PathWatches& paths_;
  RoundProgress& progress_;
  HardLinks& hard_links_;
  Departures& departures_;
  Listings& round_;
  Listings& crawl_;
  Owners owners_;  // of data by directory
};

}  // namespace lookout
