// The settle time: how long changes wait for quiet before they are reported. With none, as at the
// start, nothing waits.
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
  // Changes that never pause wait for so many times the settle time, where no other longest time
  // is set.
  static constexpr int kDefaultLongest = 20;

  // `over` is called from the loop when it is time to call is_over() again.
  SettleTime(boost::asio::io_context& io, std::function<void()> over);

  void set(std::chrono::milliseconds settle) {
    if (settle_ == std::chrono::milliseconds(0)) last_hint_ = Clock::now();  // it was not noted
    settle_ = settle;
  }
  // How long the first of the changes that wait does so at most.
  void set_longest(std::chrono::milliseconds longest) { longest_ = longest; }

  void hinted() {
    if (settle_ != std::chrono::milliseconds(0)) last_hint_ = Clock::now();
  }
  // Called while changes wait: true when no hint has come for the settle time, or when the first
  // change has waited for the longest time. Else `over` is called later.
  bool is_over();
  // No change waits any more.
  void rest() { since_.reset(); }

 private:
  using Clock = std::chrono::steady_clock;

  std::function<void()> over_;
  std::chrono::milliseconds settle_{0};
  std::optional<std::chrono::milliseconds> longest_;
  Clock::time_point last_hint_ = Clock::now();
  std::optional<Clock::time_point> since_;  // changes wait
  boost::asio::steady_timer timer_;
  Lifetime lifetime_;
};

}  // namespace lookout
