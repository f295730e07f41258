#include "watch/wakeups.h"

#include <utility>

#include "watch/reconcile/retries.h"

namespace lookout {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kRetry{100};
constexpr milliseconds kPollInterval{1000};
// Interval at which files with pending writers are checked: the kernel reports no event when a
// process removes a writable mapping.
constexpr milliseconds kWriterCheck{200};
// The state is confirmed this long after the last change. It is longer than a tick of the clock
// that stamps inodes, so a later change has a later time stamp.
constexpr milliseconds kConfirm{20};
// DirectoryCache closes the descriptor of a directory at most two periods after its last change.
// When no event has arrived for more than a second, the state is confirmed once more: after an
// overflow, only time stamps show lost changes, and some file systems store whole seconds.
constexpr milliseconds kPeriod{500};
constexpr int kCalmPeriods = 3;  // the first period began before the last event

}  // namespace

Wakeups::Wakeups(boost::asio::io_context& io, Reconciler& reconciler, RootManager& roots,
                 std::function<void()> observe, std::function<void()> wake)
    : reconciler_(reconciler),
      roots_(roots),
      observe_(std::move(observe)),
      wake_(std::move(wake)),
      poll_interval_(kPollInterval),
      retry_(io),
      poll_(io),
      writer_check_(io),
      confirm_(io),
      age_(io) {}

void Wakeups::poll_every(milliseconds interval) {
  poll_interval_ = interval;
  // A pending timer may have a longer interval. set() starts it again with the new one.
  poll_.cancel();
}

bool Wakeups::must_retry() const {
  return roots_.checks().any_transient() || reconciler_.must_retry();
}

void Wakeups::set(bool settled) {
  if (must_retry()) {
    retry_.set(kRetry, [this] {
      reconciler_.retry();
      roots_.checks().add_transient();
      wake_();
    });
  }
  if (reconciler_.needs_poll() || roots_.checks().any_unwatched()) {
    poll_.set(poll_interval_, [this] {
      reconciler_.poll(kFailuresPerPoll);
      roots_.checks().add_unwatched();
      wake_();
    });
  }
  if (reconciler_.waiting_files() > 0) {
    writer_check_.set(kWriterCheck, [this] {
      reconciler_.check_waiting_files();
      wake_();
    });
  }
  if (settled && !reconciler_.is_confirmed()) {
    confirm_.set(kConfirm, [this] {
      observe_();
      wake_();
    });
  }
  if (reconciler_.keeps_directories() || calm_periods_ < kCalmPeriods) {
    age_.set(kPeriod, [this] {
      reconciler_.age();
      if (++calm_periods_ == kCalmPeriods) observe_();
      wake_();
    });
  }
}

}  // namespace lookout
