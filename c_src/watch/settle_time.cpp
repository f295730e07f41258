#include "watch/settle_time.h"

#include <algorithm>
#include <utility>

namespace lookout {

SettleTime::SettleTime(boost::asio::io_context& io, std::function<void()> over)
    : over_(std::move(over)), timer_(io) {}

bool SettleTime::is_over() {
  if (settle_ == std::chrono::milliseconds(0)) return true;
  const auto now = Clock::now();
  if (!since_) since_ = now;
  const auto longest = longest_.value_or(kDefaultLongest * settle_);
  const auto due = std::min(last_hint_ + settle_, *since_ + longest);
  if (now >= due) {
    since_.reset();
    return true;
  }
  timer_.expires_at(due);
  timer_.async_wait(lifetime_.guard([this](const boost::system::error_code& error) {
    if (!error) over_();
  }));
  return false;
}

}  // namespace lookout
