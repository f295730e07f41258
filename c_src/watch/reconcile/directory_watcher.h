// Gives a directory that is about to be listed its watch, or has it polled where the kernel does
// not report every change in it, or leaves its entries out. Reconciler owns it; ListingStarter and
// EntryComparison call it.
#pragma once

#include <string_view>

#include "watch/disk/file_system.h"
#include "watch/disk/open_directory.h"
#include "watch/model/tree.h"
#include "watch/reconcile/access_failures.h"
#include "watch/reconcile/file_watcher.h"
#include "watch/reconcile/moments.h"
#include "watch/reconcile/notices.h"
#include "watch/reconcile/retries.h"
#include "watch/reconcile/root_settings.h"
#include "watch/sources/hint_source.h"

namespace lookout {

class DirectoryWatcher {
 public:
  DirectoryWatcher(Tree& tree, const RootSettings& roots, HintSource& source,
                   FileSystems& file_systems, const FileWatcher& files, Moments& moments,
                   Retries& retries, AccessFailures& failures, Notices& notices)
      : tree_(tree),
        roots_(roots),
        source_(source),
        file_systems_(file_systems),
        files_(files),
        moments_(moments),
        retries_(retries),
        failures_(failures),
        notices_(notices) {}
  DirectoryWatcher(const DirectoryWatcher&) = delete;
  DirectoryWatcher& operator=(const DirectoryWatcher&) = delete;

  // Watches a directory, or has it polled. Returns false if it cannot, or must not, be listed now.
  bool watch(NodeId directory, const DirectoryFd& fd);
  // Whether a directory on a pseudo file system is reported without its entries. It is, unless its
  // root is on the same file system or names a backend.
  bool leaves_out(NodeId directory, std::string_view file_system);
  // The file system of a directory for its listing. That of a remote one is not asked for.
  FileSystem for_listing(NodeId directory, const DirectoryFd& fd);

 private:
  void take_number(NodeId directory, int watch);
  bool is_to_be_polled(NodeId directory, const DirectoryFd& fd);
  const FileSystem& file_system(NodeId directory, const DirectoryFd& fd);
  void start_polling(NodeId directory);
  bool make_opaque(NodeId directory);

  Tree& tree_;
  const RootSettings& roots_;
  HintSource& source_;
  FileSystems& file_systems_;
  const FileWatcher& files_;
  Moments& moments_;
  Retries& retries_;
  AccessFailures& failures_;
  Notices& notices_;
};

}  // namespace lookout
