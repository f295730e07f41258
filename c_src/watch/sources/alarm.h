// A one-shot timer. While it is set, further calls of set() have no effect until it has expired.
// The classes of watch/ that wait for a time own their alarms and call them.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>

#include "support/lifetime.h"

namespace lookout {

class Alarm {
 public:
  explicit Alarm(boost::asio::io_context& io) : timer_(io) {}

  bool is_set() const { return set_; }

  // Calls `action` after `delay`. Does nothing if the timer is set already.
  template <class Action>
  void set(std::chrono::milliseconds delay, Action action) {
    if (set_) return;
    set_ = true;
    timer_.expires_after(delay);
    timer_.async_wait(lifetime_.guard([this, action](const boost::system::error_code& error) {
      if (error) return;
      set_ = false;
      action();
    }));
  }

  void cancel() {
    timer_.cancel();
    set_ = false;
  }

 private:
  boost::asio::steady_timer timer_;
  bool set_ = false;
  Lifetime lifetime_;
};

}  // namespace lookout
