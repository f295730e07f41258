// The settle time: changes are reported when no hint has arrived for this time. With 0, the initial
// value, changes do not wait. EngineLoop owns it, and asks is_over() before it begins a round.
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
  // Changes that never pause wait for at most this multiple of the settle time, unless another
  // longest time is set.
  static constexpr int kDefaultLongest = 20;

  // `over` is called from the loop when it is time to call is_over() again.
  SettleTime(boost::asio::io_context& io, std::function<void()> over);

  void set(std::chrono::milliseconds settle) {
    // event_arrived() does not record it without a settle time.
    if (settle_ == std::chrono::milliseconds(0)) last_hint_ = Clock::now();
    settle_ = settle;
  }
  // How long the first of the waiting changes waits at most.
  void set_longest(std::chrono::milliseconds longest) { longest_ = longest; }

  void event_arrived() {
    if (settle_ != std::chrono::milliseconds(0)) last_hint_ = Clock::now();
  }
  // Call it while changes wait. Returns true if no hint has arrived for the settle time, or if the
  // first change has waited for the longest time. Otherwise `over` is called later.
  bool is_over();
  // The engine is idle: no change waits any more.
  void rest() { since_.reset(); }

 private:
  using Clock = std::chrono::steady_clock;

  std::function<void()> over_;
  std::chrono::milliseconds settle_{0};
  std::optional<std::chrono::milliseconds> longest_;
  Clock::time_point last_hint_ = Clock::now();
  std::optional<Clock::time_point> since_;  // since when changes wait
  boost::asio::steady_timer timer_;
  Lifetime lifetime_;
};

}  // namespace lookout
