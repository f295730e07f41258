// Waits on the descriptor of a hint source, in the event loop. The source may replace its
// descriptor by another one.
//
// EngineLoop owns it. It reads the hints when `ready` is called, and calls follow() and
// wait_again() at the end of each slice.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>

#include "support/lifetime.h"
#include "watch/sources/hint_source.h"

namespace lookout {

class HintWaiter {
 public:
  // `ready` is called when there are hints to be read; wait_again() must be called after each call.
  HintWaiter(boost::asio::io_context& io, HintSource& source, std::function<void()> ready)
      : source_(source), ready_(std::move(ready)), queue_(io) {
    follow();
  }
  ~HintWaiter() {
    if (queue_.is_open()) queue_.release();  // the source closes the descriptor
  }
  HintWaiter(const HintWaiter&) = delete;
  HintWaiter& operator=(const HintWaiter&) = delete;

  // Waits on the current descriptor of the source.
  void follow();
  // Waits for more, if the last call of `ready` has not been followed by that. Not done at once, so
  // that the report of a single change is not delayed by another system call.
  void wait_again();

 private:
  void wait();

  HintSource& source_;
  std::function<void()> ready_;
  boost::asio::posix::stream_descriptor queue_;
  bool must_wait_ = false;
  Lifetime lifetime_;
};

}  // namespace lookout
