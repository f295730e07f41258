// The looks that no hint asks for: at what could not be looked at, at what is polled or held, and
// once more at the kernel's queue when changes have ended. While nothing of it is due no timer is
// set, so an idle watcher makes no system call.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>

#include "watch/alarm.h"
#include "watch/reconciler.h"
#include "watch/root_manager.h"

namespace lookout {

class Wakeups {
 public:
  // All are called from the loop: `observe` takes what the kernel has queued, and `wake` has the
  // work done that a wakeup has brought up.
  Wakeups(boost::asio::io_context& io, Reconciler& reconciler, RootManager& roots,
          std::function<void()> observe, std::function<void()> wake);

  void poll_every(std::chrono::milliseconds interval);

  void hinted() { calm_periods_ = 0; }
  // Whether something could not be looked at for a passing reason, so that it is tried again.
  bool must_retry() const;

  // Sets what is due, when there is no more work for now. `settled` says that all that has changed
  // so far has been told.
  void set(bool settled);

 private:
  Reconciler& reconciler_;
  RootManager& roots_;
  std::function<void()> observe_;
  std::function<void()> wake_;
  std::chrono::milliseconds poll_interval_;
  int calm_periods_ = 0;  // of kPeriod, without an event
  Alarm retry_;
  Alarm poll_;
  Alarm hold_;
  Alarm confirm_;
  Alarm rest_;
};

}  // namespace lookout
