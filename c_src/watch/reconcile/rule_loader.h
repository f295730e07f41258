// Loads the files that define what git ignores, where they count. A round has a loader, and a crawl
// has another one: each loads the files of one directory at a time, one slice per call. Reconciler
// owns both; EntryCheck and ListingStarter call them.
#pragma once

#include <optional>
#include <vector>

#include "watch/disk/open_directory.h"
#include "watch/disk/remote_mounts.h"
#include "watch/disk/rule_files.h"
#include "watch/model/tree.h"
#include "watch/model/visibility.h"
#include "watch/reconcile/access_failures.h"
#include "watch/reconcile/agenda.h"
#include "watch/reconcile/change_sink.h"
#include "watch/reconcile/entry_reader.h"
#include "watch/reconcile/notices.h"
#include "watch/reconcile/retries.h"

namespace lookout {

class RuleLoader {
 public:
  // If the rules of a directory change, its entries are to be listed by this agenda.
  RuleLoader(const Tree& tree, Visibility& visibility, const RemoteMounts& mounts,
             EntryReader& reader, AccessFailures& failures, Retries& retries, Notices& notices,
             ChangeSink& sink, Agenda& agenda)
      : tree_(tree),
        visibility_(visibility),
        mounts_(mounts),
        reader_(reader),
        failures_(failures),
        retries_(retries),
        notices_(notices),
        sink_(sink),
        agenda_(agenda) {}
  RuleLoader(const RuleLoader&) = delete;
  RuleLoader& operator=(const RuleLoader&) = delete;

  // Loads git's files in a directory, if they count there. If their rules differ from those before,
  // everything below it is listed again. Returns nullopt if the caller must call again before it
  // decides anything else in the directory, an errno if it must try again later, and 0 otherwise.
  std::optional<int> load(NodeId directory, const DirectoryFd& fd);
  // The tree is about to remove this directory.
  void forget_directory(NodeId directory);

 private:
  // The files of a directory: read at once, parsed slice by slice.
  struct Load {
    NodeId directory;
    RuleFiles files;
    std::vector<RuleFailure> failures;
  };

  int read(NodeId directory, const DirectoryFd& fd, Load& load);
  void set(Load load);

  const Tree& tree_;
  Visibility& visibility_;
  const RemoteMounts& mounts_;
  EntryReader& reader_;
  AccessFailures& failures_;
  Retries& retries_;
  Notices& notices_;
  ChangeSink& sink_;
  Agenda& agenda_;
  std::optional<Load> load_;
};

}  // namespace lookout
