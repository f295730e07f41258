// Brings changes of the table of mounts to the roots and the tree.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <string>
#include <vector>

#include "support/lifetime.h"
#include "watch/alarm.h"
#include "watch/mount_watch.h"
#include "watch/reconciler.h"
#include "watch/remote_mounts.h"
#include "watch/root_manager.h"

namespace lookout {

class MountAlert {
 public:
  // `noticed` is called from the loop when something was mounted or unmounted.
  MountAlert(boost::asio::io_context& io, RootManager& roots, Reconciler& reconciler,
             RemoteMounts& remotes, std::function<void()> noticed);
  ~MountAlert();
  MountAlert(const MountAlert&) = delete;
  MountAlert& operator=(const MountAlert&) = delete;

  // Takes what has changed, whether the loop has told of it or not.
  void take();

  // The tree may have been behind when a change was taken, so that its place was not found: once
  // the tree is up to date, check() looks at all places, those on the disk and those in the tree.
  bool unchecked() const { return unchecked_; }
  void note();  // what has changed, to be found by check()
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
  bool changed_ = false;    // and not read yet
  bool unchecked_ = false;  // read, but perhaps not found in the tree
  std::vector<std::string> mounted_;
  Lifetime lifetime_;
};

}  // namespace lookout
