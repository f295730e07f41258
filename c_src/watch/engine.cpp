#include "watch/engine.h"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <fstream>
#include <utility>

#include "watch/disk.h"
#include "watch/hint_source.h"
#include "watch/lister.h"
#include "watch/mount_watch.h"
#include "watch/place_watches.h"
#include "watch/reconciler.h"
#include "watch/root_keeper.h"
#include "watch/roots.h"
#include "watch/tree.h"
#include "watch/visibility.h"

namespace lookout {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t kBatchEvents = 256;
constexpr std::size_t kBatchBytes = 256 * 1024;  // of paths
// Work between two looks at the loop, and how often the clock is read in it.
constexpr milliseconds kSlice{4};
constexpr int kStepsAClockRead = 8;
// Changes that never pause are reported after so many times the settle time.
constexpr int kLongestSettle = 20;
constexpr milliseconds kRetry{100};
constexpr milliseconds kPollInterval{1000};
// Between two looks at files that have writers: the end of a writable mapping gives no hint.
constexpr milliseconds kHold{200};
// After changes, until what they made counts as old: longer than a tick of the inode clock.
constexpr milliseconds kConfirm{20};
// Descriptors of directories are kept open so long after the last change.
constexpr milliseconds kKeepOpen{1000};
// Between two looks at the table of mounts.
constexpr milliseconds kMountPause{200};
// A sync that waits under steady changes ends after so many rounds: one to end the round under
// way, one that takes what the kernel had queued, the others for what these put off.
constexpr std::uint64_t kSyncRounds = 6;

std::uint64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  statm >> size >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

class Engine::Impl : private ChangeSink {
 public:
  Impl(asio::io_context& io, Listener& listener)
      : io_(io),
        listener_(listener),
        source_(make_hint_source()),
        places_(*source_),
        visibility_(tree_),
        reconciler_(tree_, visibility_, *source_, places_, *this),
        roots_(tree_, visibility_, places_, reconciler_, *this),
        queue_(io),
        mount_table_(io),
        settle_timer_(io),
        retry_timer_(io),
        poll_timer_(io),
        hold_timer_(io),
        confirm_timer_(io),
        rest_timer_(io),
        mount_timer_(io) {
    if (mounts_.fd() >= 0) {
      mount_table_.assign(mounts_.fd());
      wait_for_mounts();
    }
    if (source_->fd() < 0) return;
    queue_.assign(source_->fd());
    wait_for_hints();
  }

  ~Impl() override {
    if (queue_.is_open()) queue_.release();  // the source closes it
    if (mount_table_.is_open()) mount_table_.release();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void watch(const std::vector<std::string>& paths, const WatchOptions& options, DoneHandler done) {
    if (auto error = roots_.add(paths, options)) {
      asio::post(io_, [done = std::move(done), failed = std::move(*error)] { done(failed); });
      return;
    }
    starts_.push_back(std::move(done));
    schedule();
  }

  void unwatch(const std::string& path, DoneHandler done) {
    Result<Done> outcome = Done{};
    if (!roots_.remove(path)) {
      outcome = Error{"not_watched", "unwatch", path, "this path is not watched"};
    }
    schedule();
    asio::post(io_, [done = std::move(done), outcome] { done(outcome); });
  }

  void sync(SeqHandler done) {
    observe();
    reconciler_.poll();
    reconciler_.retry();
    syncs_.push_back({reconciler_.round() + kSyncRounds, std::move(done)});
    schedule();
  }

  void list(std::optional<std::string> under, bool with_stat, ChunkHandler chunk, SeqHandler done) {
    listings_.push_back({Lister(tree_, roots_.roots(), reconciler_, with_stat), std::move(under),
                         std::move(chunk), std::move(done), false});
    schedule();
  }

  void grant(std::uint64_t batches) {
    credit_ = batches > kUnlimited - credit_ ? kUnlimited : credit_ + batches;
    schedule();
  }

  void set_settle(std::uint32_t value) { settle_ = milliseconds(value); }

  void set_poll_interval(std::uint32_t value) {
    poll_interval_ = milliseconds(value);
    // One that has been armed may be too late.
    poll_timer_.cancel();
    poll_armed_ = false;
    schedule();
  }

  void resume() { schedule(); }

  EngineInfo info() const {
    EngineInfo info;
    info.directories = tree_.directories();
    info.files = tree_.others();
    info.watches = tree_.watches();
    info.polled = reconciler_.polled();
    info.batches = seq_;
    info.events = events_;
    info.overflows = overflows_;
    info.rescans = reconciler_.rescans();
    info.dirty = reconciler_.dirty();
    if (credit_ != kUnlimited) info.credit = credit_;
    info.memory = resident_bytes();
    for (const Roots::Pointer& root : roots_.roots().all()) {
      if (!root->removed) info.roots.emplace_back(root->path, source_of(*root));
    }
    return info;
  }

 private:
  struct Sync {
    std::uint64_t round;
    SeqHandler done;
  };
  struct Listing {
    Lister lister;
    std::optional<std::string> under;
    ChunkHandler chunk;
    SeqHandler done;
    bool started;
  };

  std::string source_of(const Root& root) const {
    const NodeId node = root.node != kNoNode ? root.node : roots_.roots().resolve(root.path);
    if (node == kNoNode) return {};
    const bool watched = tree_.is_directory(node) && tree_.watch(node) >= 0;
    return watched ? std::string(source_->name()) : "poll";
  }

  // --- the loop --------------------------------------------------------------------------------

  // A handler that does nothing once the engine is gone.
  template <class Action>
  auto guarded(Action action) const {
    return [alive = std::weak_ptr<const bool>(alive_), action](const auto&... results) {
      if (!alive.expired()) action(results...);
    };
  }

  void wait_for_hints() {
    queue_.async_wait(asio::posix::stream_descriptor::wait_read,
                      guarded([this](const boost::system::error_code& error) {
                        if (error) return;
                        on_hints();
                      }));
  }

  void wait_for_mounts() {
    mount_table_.async_wait(asio::posix::stream_descriptor::wait_error,
                            guarded([this](const boost::system::error_code& error) {
                              if (error) return;
                              wait_for_mounts();  // first, so that none slips between
                              mounts_changed_ = true;
                              take_mounts_in_time();
                            }));
  }

  // The table may be long, and change all the time where containers come and go.
  void take_mounts_in_time() {
    if (mount_armed_) return;
    take_mounts();
    arm(mount_timer_, mount_armed_, kMountPause, true, [this] {
      if (mounts_changed_) take_mounts_in_time();
    });
  }

  void take_mounts() {
    if (mounts_.signalled()) mounts_changed_ = true;
    if (!std::exchange(mounts_changed_, false)) return;
    note_mounts();
    roots_.mounted(mounted_, true);
    mounts_unchecked_ = true;
    schedule();
  }

  void note_mounts() {
    for (std::string& place : mounts_.changes()) mounted_.push_back(std::move(place));
  }

  // The tree may have been behind when a change was noticed, so that its place was not found: once
  // it is up to date, all places are looked at, those on the disk and those in the tree.
  void check_mounts() {
    note_mounts();
    drain();
    if (reconciler_.unsettled()) return;
    roots_.mounted(mounts_.places(), false);
    reconciler_.doubt_mounts();
    roots_.mounted(std::exchange(mounted_, {}), true);
    mounts_unchecked_ = false;
  }

  // The kernel is asked to wait for more when what was hinted has been told: between a lone change
  // and its event there is only what must be.
  void on_hints() {
    const std::int64_t now = inode_clock();
    drain();
    drained_ = now;
    must_wait_ = true;
    schedule();
  }

  void drain() {
    source_->read([this](const Hint& hint) {
      last_hint_ = Clock::now();
      if (!hint.overflow) {
        reconciler_.take(hint);
        return;
      }
      ++overflows_;
      overflow_untold_ = true;
      reconciler_.distrust_everything();
      roots_.check_now();
    });
  }

  // Takes what the kernel has queued, and notes that there was nothing.
  void observe() {
    const std::int64_t now = inode_clock();
    drain();
    take_mounts();
    if (!in_round_ && is_settled()) reconciler_.confirm(now);
  }

  void schedule() {
    if (std::exchange(scheduled_, true)) return;
    asio::post(io_, guarded([this] { slice(); }));
  }

  void slice() {
    scheduled_ = false;
    const auto end = Clock::now() + kSlice;
    bool more = true;
    do {
      for (int i = 0; more && i < kStepsAClockRead; ++i) {
        more = step();
        drained_.reset();
      }
    } while (more && Clock::now() < end);
    flush();
    if (std::exchange(must_wait_, false)) wait_for_hints();
    if (more) {
      schedule();
    } else {
      reconciler_.rest();
      arm_timers();
    }
  }

  // Does one piece of work, the most urgent first. False when there is nothing to do for now.
  bool step() {
    if (batch_is_full() || !notices_.empty()) flush();
    if (!listings_.empty()) return list_step();
    if (roots_.learn()) return true;
    if (roots_.check_due()) {
      observe();
      roots_.check();
      return true;
    }
    // Every root is known now, unless one could not be looked at for a passing reason.
    if (!roots_.check_due_later()) {
      for (const DoneHandler& done : std::exchange(starts_, {})) done(Done{});
    }
    if (!syncs_.empty() && !in_round_ && is_settled()) return answer_at_rest();
    if (credit_ == 0 || !listener_.has_room()) return false;
    if (std::exchange(overflow_untold_, false)) tell_overflow();
    if (reconciler_.uprooting()) return reconciler_.work();
    if (const auto telling = roots_.tell()) {
      const NodeId node = telling->node;
      if (node != kNoNode) change({Change::created, tree_.type(node), tree_.path(node), {}});
      return true;
    }
    return reconcile_step();
  }

  // A directory that is removed while it is open here is hinted at only when it is closed.
  bool answer_at_rest() {
    reconciler_.rest();
    drain();
    if (is_settled() && !roots_.check_due()) answer_syncs([](const Sync&) { return true; });
    return true;
  }

  bool reconcile_step() {
    if (in_round_) {
      if (!reconciler_.work()) end_round();
      return true;
    }
    if (reconciler_.unsettled()) {
      if (!is_quiet()) return false;
      const std::int64_t now = drained_.value_or(inode_clock());
      if (!drained_) drain();
      reconciler_.begin_round(now);
      in_round_ = true;
      return true;
    }
    unsettled_since_.reset();
    if (!mounts_unchecked_) return false;
    check_mounts();
    return true;
  }

  // Whether all that changed so far has been told.
  bool is_settled() const {
    return !reconciler_.unsettled() && !must_retry() && !roots_.has_untold() && !mounts_unchecked_;
  }

  void end_round() {
    in_round_ = false;
    roots_.check_covered();
    if (!must_retry()) {
      answer_syncs([this](const Sync& sync) { return sync.round <= reconciler_.round(); });
    }
  }

  // With a settle time changes wait until no hint has come for so long; a sync does not wait.
  bool is_quiet() {
    if (settle_ == milliseconds(0) || !syncs_.empty() || !reconciler_.hinted()) return true;
    const auto now = Clock::now();
    if (!unsettled_since_) unsettled_since_ = now;
    const auto due = std::min(last_hint_ + settle_, *unsettled_since_ + kLongestSettle * settle_);
    if (now >= due) {
      unsettled_since_.reset();
      return true;
    }
    settle_timer_.expires_at(due);
    settle_timer_.async_wait(guarded([this](const boost::system::error_code& error) {
      if (!error) schedule();
    }));
    return false;
  }

  bool must_retry() const { return roots_.check_due_later() || reconciler_.must_retry(); }

  void arm_timers() {
    arm(retry_timer_, retry_armed_, kRetry, must_retry(), [this] {
      reconciler_.retry();
      roots_.check_now();
      schedule();
    });
    arm(poll_timer_, poll_armed_, poll_interval_,
        reconciler_.has_polled() || roots_.check_due_slowly(), [this] {
          reconciler_.poll();
          if (roots_.check_due_slowly()) roots_.check_now();
          schedule();
        });
    arm(hold_timer_, hold_armed_, kHold, reconciler_.has_held(), [this] {
      reconciler_.look_at_held();
      schedule();
    });
    arm(confirm_timer_, confirm_armed_, kConfirm, !reconciler_.is_confirmed() && is_settled(),
        [this] {
          observe();
          schedule();
        });
    arm(rest_timer_, rest_armed_, kKeepOpen, reconciler_.keeps_directories(), [this] {
      reconciler_.age();
      arm_timers();
    });
  }

  template <class Action>
  void arm(asio::steady_timer& timer, bool& armed, milliseconds delay, bool wanted, Action action) {
    if (armed || !wanted) return;
    armed = true;
    timer.expires_after(delay);
    timer.async_wait(guarded([&armed, action](const boost::system::error_code& error) {
      if (error) return;
      armed = false;
      action();
    }));
  }

  // --- what is told ----------------------------------------------------------------------------

  void change(Event event) override {
    batch_bytes_ += event.path.size() + event.from.size();
    batch_.push_back(std::move(event));
  }

  // Notices wait for credit though they cost none, so that they cannot pile up in the output.
  void notice(Notice notice) override {
    if (!cancels(notice)) notices_.push_back(std::move(notice));
  }

  // A root that went and came, or came and went, while no notice could be sent.
  bool cancels(const Notice& notice) {
    if (credit_ > 0) return false;
    if (const auto* created = std::get_if<RootCreatedNotice>(&notice)) {
      return std::erase(notices_, Notice{RootDeletedNotice{created->dir}}) > 0;
    }
    if (const auto* deleted = std::get_if<RootDeletedNotice>(&notice)) {
      return std::erase(notices_, Notice{RootCreatedNotice{deleted->dir}}) > 0;
    }
    return false;
  }

  bool batch_is_full() const {
    return batch_.size() >= kBatchEvents || batch_bytes_ >= kBatchBytes;
  }

  // Sends what the steps so far have found: changes, which they find on credit only, and after
  // them the notices.
  void flush() {
    const bool may_tell = credit_ > 0;
    if (!batch_.empty()) {
      if (credit_ != kUnlimited) --credit_;
      events_ += batch_.size();
      batch_bytes_ = 0;
      listener_.on_events(++seq_, std::exchange(batch_, {}));
    }
    if (!may_tell) return;
    for (Notice& notice : std::exchange(notices_, {})) listener_.on_notice(std::move(notice));
  }

  void tell_overflow() {
    for (const Roots::Pointer& root : roots_.roots().all()) {
      if (root->phase == Root::Phase::told) notice(OverflowNotice{root->path});
    }
  }

  void uprooted(NodeId node) override { roots_.uprooted(node); }

  template <class Due>
  void answer_syncs(Due due) {
    if (syncs_.empty()) return;
    flush();
    std::erase_if(syncs_, [&](Sync& sync) {
      if (!due(sync)) return false;
      sync.done(seq_);
      return true;
    });
  }

  bool list_step() {
    if (!listener_.has_room()) return false;
    flush();
    Listing& listing = listings_.front();
    std::optional<Error> error;
    if (!std::exchange(listing.started, true)) error = listing.lister.start(listing.under);
    if (!error && listing.lister.more()) {
      listing.chunk(listing.lister.next());
      return true;
    }
    const Listing done = std::move(listing);
    listings_.pop_front();
    done.done(error ? Result<std::uint64_t>(*error) : Result<std::uint64_t>(seq_));
    return true;
  }

  asio::io_context& io_;
  Listener& listener_;
  Tree tree_;
  std::unique_ptr<HintSource> source_;
  PlaceWatches places_;
  Visibility visibility_;
  Reconciler reconciler_;
  RootKeeper roots_;
  asio::posix::stream_descriptor queue_;
  MountWatch mounts_;
  asio::posix::stream_descriptor mount_table_;
  asio::steady_timer settle_timer_;
  asio::steady_timer retry_timer_;
  asio::steady_timer poll_timer_;
  asio::steady_timer hold_timer_;
  asio::steady_timer confirm_timer_;
  asio::steady_timer rest_timer_;
  asio::steady_timer mount_timer_;
  bool retry_armed_ = false;
  bool poll_armed_ = false;
  bool hold_armed_ = false;
  bool confirm_armed_ = false;
  bool rest_armed_ = false;
  bool mount_armed_ = false;
  bool mounts_changed_ = false;    // and not read yet
  bool mounts_unchecked_ = false;  // read, but perhaps not found in the tree
  std::vector<std::string> mounted_;

  // Goes with the engine.
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
  bool scheduled_ = false;
  bool in_round_ = false;
  bool overflow_untold_ = false;
  bool must_wait_ = false;  // for hints
  // When the kernel's queue was read, while nothing has been done since.
  std::optional<std::int64_t> drained_;
  milliseconds settle_{0};
  milliseconds poll_interval_ = kPollInterval;
  Clock::time_point last_hint_ = Clock::now();
  std::optional<Clock::time_point> unsettled_since_;

  std::uint64_t credit_ = 0;
  std::uint64_t seq_ = 0;
  std::uint64_t events_ = 0;
  std::uint64_t overflows_ = 0;
  std::vector<Event> batch_;
  std::size_t batch_bytes_ = 0;
  std::vector<Notice> notices_;
  std::vector<DoneHandler> starts_;  // requests to watch that are to be answered
  std::vector<Sync> syncs_;
  std::deque<Listing> listings_;
};

Engine::Engine(asio::io_context& io, Listener& listener)
    : impl_(std::make_unique<Impl>(io, listener)) {}
Engine::~Engine() = default;

void Engine::watch(const std::vector<std::string>& paths, const WatchOptions& options,
                   DoneHandler done) {
  impl_->watch(paths, options, std::move(done));
}
void Engine::unwatch(const std::string& path, DoneHandler done) {
  impl_->unwatch(path, std::move(done));
}
void Engine::sync(SeqHandler done) {
  impl_->sync(std::move(done));
}
void Engine::list(std::optional<std::string> under, bool with_stat, ChunkHandler chunk,
                  SeqHandler done) {
  impl_->list(std::move(under), with_stat, std::move(chunk), std::move(done));
}
void Engine::grant(std::uint64_t batches) {
  impl_->grant(batches);
}
void Engine::set_settle(std::uint32_t milliseconds) {
  impl_->set_settle(milliseconds);
}
void Engine::set_poll_interval(std::uint32_t milliseconds) {
  impl_->set_poll_interval(milliseconds);
}
void Engine::resume() {
  impl_->resume();
}
EngineInfo Engine::info() const {
  return impl_->info();
}

}  // namespace lookout
