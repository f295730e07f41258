// Watches the mount table and passes its changes to RootManager, Reconciler and RemoteMounts.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <string>
#include <vector>

#include "support/lifetime.h"
#include "watch/disk/mount_watch.h"
#include "watch/disk/remote_mounts.h"
#include "watch/reconcile/reconciler.h"
#include "watch/roots/root_manager.h"
#include "watch/sources/alarm.h"

namespace lookout {

class MountAlert {
 public:
  // The event loop calls `noticed` after a file system was mounted or unmounted.
  MountAlert(boost::asio::io_context& io, RootManager& roots, Reconciler& reconciler,
             RemoteMounts& remotes, std::function<void()> noticed);
  ~MountAlert();
  MountAlert(const MountAlert&) = delete;
  MountAlert& operator=(const MountAlert&) = delete;

  // Processes pending changes of the mount table, even those whose handler the event loop has not
  // run yet.
  void take();

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
  RemoteMounts& remotes_;
  std::function<void()> noticed_;
  MountWatch mounts_;
  boost::asio::posix::stream_descriptor table_;
  Alarm pause_;
  bool changed_ = false;    // signalled, and the table has not been read since
  bool unchecked_ = false;  // read, but perhaps not found in the tree
  std::vector<std::string> mounted_;
  Lifetime lifetime_;
};

}  // namespace lookout
