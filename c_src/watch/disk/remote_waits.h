// Limits the time for which the event loop waits for all remote mounts together. RemoteMounts owns
// it. Each RemoteMount requests a limit before it waits, and adds the time that it has waited.
// Makes no system call.
//
// A call on a mount that hangs costs a wait of kMaxWait. After such a wait the next ones
// are shorter for a while, so that many mounts that hang do not cost kMaxWait each.
#pragma once

#include <algorithm>
#include <chrono>

namespace lookout {

// A step of the engine ends after it has waited this long.
inline constexpr std::chrono::milliseconds kWaitPerStep{2};

class RemoteWaits {
 public:
  using Clock = std::chrono::steady_clock;

  // The loop waits this long for a response at most.
  static constexpr std::chrono::milliseconds kMaxWait{200};
  // It waits this long at least. A healthy server responds within this time.
  static constexpr std::chrono::milliseconds kMinWait{10};
  // A wait without a response counts less and less, and after this time no longer.
  static constexpr std::chrono::milliseconds kDecayTime{10'000};

  // Returns how long to wait for the next response.
  Clock::duration limit(Clock::time_point now) const {
    return std::clamp<Clock::duration>(kMaxWait - in_vain(now), kMinWait, kMaxWait);
  }
  // The loop has waited for the time `waited`, until `now`. `answered`: with a response.
  void add(Clock::duration waited, bool answered, Clock::time_point now) {
    total_ += waited;
    if (answered) return;
    // Not the sum: a mount whose responses take longer than a short wait must not keep waits short.
    in_vain_ = std::max<Clock::duration>(in_vain(now), std::min<Clock::duration>(waited, kMaxWait));
    since_ = now;
  }
  // The sum of all waits since the start.
  Clock::duration total() const { return total_; }

 private:
  // How much the waits without a response still count.
  Clock::duration in_vain(Clock::time_point now) const {
    const auto forgotten = (now - since_) / (kDecayTime / kMaxWait);
    return std::max<Clock::duration>(in_vain_ - forgotten, Clock::duration::zero());
  }

  Clock::duration total_{};
  Clock::duration in_vain_{};
  Clock::time_point since_{};
};

}  // namespace lookout
