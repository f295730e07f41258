#include "watch/hint_waiter.h"

#include <utility>

namespace lookout {

void HintWaiter::follow() {
  if (source_.fd() < 0 || (queue_.is_open() && queue_.native_handle() == source_.fd())) return;
  if (queue_.is_open()) queue_.release();
  queue_.assign(source_.fd());
  wait();
}

void HintWaiter::wait_again() {
  if (std::exchange(must_wait_, false)) wait();
}

void HintWaiter::wait() {
  queue_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                    lifetime_.guard([this](const boost::system::error_code& error) {
                      if (error) return;
                      must_wait_ = true;
                      ready_();
                    }));
}

}  // namespace lookout
