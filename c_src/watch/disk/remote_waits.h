// How long the event loop waits for remote mounts, all together. RemoteMounts owns it; each
// RemoteMount asks it before it waits, and adds what it has waited. Makes no system call.
//
// A mount that hangs costs one wait of kPatience. Many that hang at once must not cost that each:
// while such waits are recent, a call is waited for a shorter time.
#pragma once

#include <algorithm>
#include <chrono>

namespace lookout {

// A step of the event loop ends after it has waited so long.
inline constexpr std::chrono::milliseconds kWaitAStep{2};

class RemoteWaits {
 public:
  using Clock = std::chrono::steady_clock;

  // How long the loop waits for a response at most.
  static constexpr std::chrono::milliseconds kPatience{200};
  // How long it waits at least. A healthy server responds within this time.
  static constexpr std::chrono::milliseconds kShortest{10};
  // So long after a wait without a response it does not count any more.
  static constexpr std::chrono::milliseconds kForgets{10'000};

  // How long to wait for the next response.
  Clock::duration limit(Clock::time_point now) const {
    return std::clamp<Clock::duration>(kPatience - in_vain(now), kShortest, kPatience);
  }
  // The loop has waited so long, until `now`; with or without a response.
  void add(Clock::duration waited, bool answered, Clock::time_point now) {
    total_ += waited;
    if (answered) return;
    // Not the sum: a mount whose responses take longer than a short wait must not keep waits short.
    in_vain_ =
        std::max<Clock::duration>(in_vain(now), std::min<Clock::duration>(waited, kPatience));
    since_ = now;
  }
  // All waits since the start.
  Clock::duration total() const { return total_; }

 private:
  // What counts of the waits without a response; less as time passes.
  Clock::duration in_vain(Clock::time_point now) const {
    const auto forgotten = (now - since_) / (kForgets / kPatience);
    return std::max<Clock::duration>(in_vain_ - forgotten, Clock::duration::zero());
  }

  Clock::duration total_{};
  Clock::duration in_vain_{};
  Clock::time_point since_{};
};

}  // namespace lookout
