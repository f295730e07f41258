// The timers for work that no hint starts: repeated checks after transient errors, polling, checks
// of files with pending writers, and one more read of the kernel's queue after the last change. If
// none of this is due, no timer is set, so an idle watcher makes no system call.
//
// EngineLoop owns it, and calls set() at the end of a slice that has left no work.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>

#include "watch/reconcile/reconciler.h"
#include "watch/roots/root_manager.h"
#include "watch/sources/alarm.h"

namespace lookout {

class Wakeups {
 public:
  // A timer calls both, from the loop. `observe` reads the kernel's queue. `wake` schedules the
  // next slice, which does the work that has become due.
  Wakeups(boost::asio::io_context& io, Reconciler& reconciler, RootManager& roots,
          std::function<void()> observe, std::function<void()> wake);

  void poll_every(std::chrono::milliseconds interval);

  void event_arrived() { calm_periods_ = 0; }
  // Whether something could not be checked because of a transient error, so that it is tried again.
  bool must_retry() const;

  // Sets the timers that are due. Call it when there is no more work for now; `settled` says that
  // all changes so far have been reported.
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
  Alarm writer_check_;
  Alarm confirm_;
  Alarm age_;
};

}  // namespace lookout
