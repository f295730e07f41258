#include "watch/mount_alert.h"

#include <chrono>
#include <utility>

namespace lookout {
namespace {

// Minimum time between two reads of the mount table, which may be long and changes all the time on
// a host that starts and stops containers.
constexpr std::chrono::milliseconds kAlertPause{200};

}  // namespace

MountAlert::MountAlert(boost::asio::io_context& io, RootManager& roots, Reconciler& reconciler,
                       PathWatches& paths, RemoteMounts& remotes, std::function<void()> noticed)
    : roots_(roots),
      reconciler_(reconciler),
      paths_(paths),
      remotes_(remotes),
      noticed_(std::move(noticed)),
      table_(io),
      pause_(io) {
  remotes_.load(mounts_.mounts(), mounts_.types());
  begin();
}

void MountAlert::begin() {
  if (mounts_.fd() < 0) return;
  table_.assign(mounts_.fd());
  wait();
}

MountAlert::~MountAlert() {
  if (table_.is_open()) table_.release();  // MountWatch closes the descriptor
}

void MountAlert::wait() {
  table_.async_wait(boost::asio::posix::stream_descriptor::wait_error,
                    lifetime_.guard([this](const boost::system::error_code& error) {
                      if (error) return;
                      wait();  // before the read, so that no change between the two is missed
                      take_in_time();
                    }));
}

void MountAlert::take_in_time() {
  if (pause_.is_set()) return;
  if (take()) pause_.set(kAlertPause, [this] { take_in_time(); });
}

bool MountAlert::take() {
  const bool opened = mounts_.reopen();
  if (opened) begin();
  if (!mounts_.signalled() && !opened) {
    paths_.confirm();
    return false;
  }
  paths_.invalidate_unconfirmed();
  note();
  roots_.mounted(mounted_, true);
  unchecked_ = true;
  noticed_();
  return true;
}

void MountAlert::note() {
  for (std::string& place : mounts_.changes()) mounted_.push_back(std::move(place));
  remotes_.load(mounts_.mounts(), mounts_.types());
  reconciler_.mounts_changed();
}

void MountAlert::check() {
  roots_.mounted(mounts_.mount_points(), false);
  reconciler_.hints().recheck_mount_points();
  roots_.mounted(std::exchange(mounted_, {}), true);
  unchecked_ = false;
}

}  // namespace lookout
