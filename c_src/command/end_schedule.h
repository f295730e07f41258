// Decides when the tree of a command gets its stop signal and when it gets SIGKILL. Makes no system
// call: the caller provides the time and carries out the steps. Guard, in the process of the
// guardian, owns it and calls it.
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

namespace lookout {

class EndSchedule {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Milliseconds = std::chrono::milliseconds;

  enum class Step {
    none,
    ask,   // send the stop signal to every process of the tree
    kill,  // send SIGKILL to every process of the tree
  };

  // `linger` is how long processes that the command leaves behind may run after its exit; without a
  // value they run until the first ask(). `grace` is the time between the stop signal and SIGKILL,
  // unless ask() gives another.
  EndSchedule(std::optional<Milliseconds> linger, Milliseconds grace)
      : linger_(linger), grace_(grace) {}

  void on_exit(TimePoint now);
  // Requests the stop signal, once: many programs abort their clean-up at a second stop signal. If
  // several grace periods are given, the one that ends first counts.
  void ask(TimePoint now, Milliseconds grace);
  void ask(TimePoint now) { ask(now, grace_); }
  // Kills without a stop signal first.
  void kill(TimePoint now);

  // Returns the step that is due now. SIGKILL is repeated with growing pauses, because processes
  // take a moment to end and may have forked.
  Step take_step(TimePoint now);
  // Returns when the next step is due; nothing if none is scheduled.
  std::optional<TimePoint> next() const;
  // Returns whether the command has exited and what it left behind may run until the first ask().
  bool leaves() const { return phase_ == Phase::lingering && !linger_; }

 private:
  enum class Phase { running, lingering, asking, asked, killing };

  // The pause between two rounds of SIGKILL: some processes end slowly in the kernel.
  static constexpr Milliseconds kFirstPause{1};
  static constexpr Milliseconds kLongestPause{100};

  std::optional<Milliseconds> linger_;
  Milliseconds grace_;
  Phase phase_ = Phase::running;
  TimePoint due_;  // end of the linger time or of the grace period, or the next round of SIGKILL
  Milliseconds pause_ = kFirstPause;
};

inline void EndSchedule::on_exit(TimePoint now) {
  if (phase_ != Phase::running) return;
  phase_ = Phase::lingering;
  due_ = linger_ ? now + *linger_ : TimePoint::max();
}

inline void EndSchedule::ask(TimePoint now, Milliseconds grace) {
  if (phase_ == Phase::killing) return;
  const bool asked = phase_ == Phase::asking || phase_ == Phase::asked;
  due_ = asked ? std::min(due_, now + grace) : now + grace;
  if (!asked) phase_ = Phase::asking;
}

inline void EndSchedule::kill(TimePoint now) {
  if (phase_ == Phase::killing) return;
  phase_ = Phase::killing;
  due_ = now;
}

inline EndSchedule::Step EndSchedule::take_step(TimePoint now) {
  if (phase_ == Phase::lingering && due_ <= now) ask(now);
  if (phase_ == Phase::asking) {
    phase_ = Phase::asked;
    return Step::ask;
  }
  if (phase_ == Phase::running || phase_ == Phase::lingering || now < due_) return Step::none;
  phase_ = Phase::killing;
  due_ = now + pause_;
  pause_ = std::min(pause_ * 2, kLongestPause);
  return Step::kill;
}

inline std::optional<EndSchedule::TimePoint> EndSchedule::next() const {
  if (phase_ == Phase::running || leaves()) return std::nullopt;
  return phase_ == Phase::asking ? TimePoint::min() : due_;
}

}  // namespace lookout
