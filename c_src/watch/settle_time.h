// The quiet that changes wait for before they are told. With none, as at the start, nothing waits.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <optional>

#include "support/lifetime.h"

namespace lookout {

class SettleTime {
 public:
  // `over` is called from the loop when it is time to ask is_over() again.
  SettleTime(boost::asio::io_context& io, std::function<void()> over);

  void set(std::chrono::milliseconds settle) {
    if (settle_ == std::chrono::milliseconds(0)) last_hint_ = Clock::now();  // it was not noted
    settle_ = settle;
  }

  void hinted() {
    if (settle_ != std::chrono::milliseconds(0)) last_hint_ = Clock::now();
  }
  // Asked while changes wait: whether no hint has come for the settle time, or they have waited for
  // a multiple of it. Else `over` is called later.
  bool is_over();
  // No change waits any more.
  void rest() { since_.reset(); }

 private:
  using Clock = std::chrono::steady_clock;

  std::function<void()> over_;
  std::chrono::milliseconds settle_{0};
  Clock::time_point last_hint_ = Clock::now();
  std::optional<Clock::time_point> since_;  // changes wait
  boost::asio::steady_timer timer_;
  Lifetime lifetime_;
};

}  // namespace lookout
