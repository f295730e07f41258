// Watches the mount table and passes its changes to RootManager, Reconciler, PathWatches and
// RemoteMounts.
//
// EngineLoop owns it. The event loop wakes it when the table has changed; EngineLoop calls take()
// where it must know the mounts now, and note() and check() in its slices.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <string>
#include <vector>

#include "support/lifetime.h"
#include "watch/disk/mount_watch.h"
#include "watch/disk/path_watches.h"
#include "watch/disk/remote_mounts.h"
#include "watch/reconcile/reconciler.h"
#include "watch/roots/root_manager.h"
#include "watch/sources/alarm.h"

namespace lookout {

class MountAlert {
 public:
  // `noticed` is called after a file system was mounted or unmounted: from the loop, or within
  // take().
  MountAlert(boost::asio::io_context& io, RootManager& roots, Reconciler& reconciler,
             PathWatches& paths, RemoteMounts& remotes, std::function<void()> noticed);
  ~MountAlert();
  MountAlert(const MountAlert&) = delete;
  MountAlert& operator=(const MountAlert&) = delete;

  // Processes pending changes of the mount table, even those whose handler the event loop has not
  // run yet. Returns whether there were any.
  bool take();

  // When take() processed a change, the tree may have been behind the disk, so that the mount point
  // was not found in it. Call check() once the tree is up to date: it checks all mount points,
  // those in the mount table and those in the tree. unchecked() is true until then.
  bool unchecked() const { return unchecked_; }
  void note();  // reads the mount table and keeps the changes for check()
  void check();

 private:
  void begin();
  void wait();
  void take_in_time();

  RootManager& roots_;
  Reconciler& reconciler_;
  PathWatches& paths_;
  RemoteMounts& remotes_;
  std::function<void()> noticed_;
  MountWatch mounts_;
  boost::asio::posix::stream_descriptor table_;
  Alarm pause_;
  bool unchecked_ = false;  // read, but perhaps not found in the tree
  std::vector<std::string> mounted_;
  Lifetime lifetime_;
};

}  // namespace lookout
