// Loads into the tree what a crawl has met, without a report, where the listing alone does not say
// enough about an entry. Reconciler owns it; DirectoryScan and ListingStarter call it.
#pragma once

#include <string>
#include <vector>

#include "watch/disk/directory_cache.h"
#include "watch/model/trail.h"
#include "watch/model/tree.h"
#include "watch/reconcile/access_failures.h"
#include "watch/reconcile/agenda.h"
#include "watch/reconcile/entry_comparison.h"
#include "watch/reconcile/entry_reader.h"
#include "watch/reconcile/hard_links.h"
#include "watch/reconcile/hint_intake.h"
#include "watch/reconcile/root_settings.h"

namespace lookout {

class EntryLoader {
 public:
  // New directories are added to the agenda of the crawl.
  EntryLoader(Tree& tree, const RootSettings& roots, DirectoryCache& directories, HintIntake& hints,
              HardLinks& hard_links, EntryReader& reader, AccessFailures& failures,
              EntryComparison& comparison, Agenda& agenda)
      : tree_(tree),
        roots_(roots),
        directories_(directories),
        hints_(hints),
        hard_links_(hard_links),
        reader_(reader),
        failures_(failures),
        comparison_(comparison),
        agenda_(agenda) {}
  EntryLoader(const EntryLoader&) = delete;
  EntryLoader& operator=(const EntryLoader&) = delete;

  // Loads an entry that the tree does not have. What fails is checked in the next round.
  void load(NodeId directory, const std::string& name);
  // Followed links are loaded at the end, since whether a link is reported as a directory depends
  // on what else is in the tree.
  void add_link(NodeId directory, const std::string& name) { links_.emplace_back(directory, name); }
  // Loads one of these links. Returns false if none is left.
  bool load_link();

 private:
  Tree& tree_;
  const RootSettings& roots_;
  DirectoryCache& directories_;
  HintIntake& hints_;
  HardLinks& hard_links_;
  EntryReader& reader_;
  AccessFailures& failures_;
  EntryComparison& comparison_;
  Agenda& agenda_;
  std::vector<DirEntry> links_;
};

}  // namespace lookout
