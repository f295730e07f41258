#include "watch/engine.h"

#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <deque>
#include <fstream>
#include <utility>

#include "support/lifetime.h"
#include "watch/batcher.h"
#include "watch/disk.h"
#include "watch/fswatch.h"
#include "watch/hint_source.h"
#include "watch/lister.h"
#include "watch/mount_alert.h"
#include "watch/place_watches.h"
#include "watch/reconciler.h"
#include "watch/remote_mounts.h"
#include "watch/root_keeper.h"
#include "watch/roots.h"
#include "watch/settle_time.h"
#include "watch/tree.h"
#include "watch/visibility.h"
#include "watch/wakeups.h"

namespace lookout {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// Work between two looks at the loop, and how many looks at the disk it makes in one step.
constexpr milliseconds kSlice{4};
constexpr int kLooksAStep = 8;
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
        places_(*source_, remotes_),
        visibility_(tree_),
        reconciler_(tree_, visibility_, *source_, places_, remotes_, *this),
        roots_(tree_, visibility_, places_, reconciler_, remotes_, *this),
        queue_(io),
        mounts_(io, roots_, reconciler_, remotes_,
                [this] {
                  source_->mounts_changed();
                  schedule();
                }),
        fswatch_(
            io, [this](const std::string& path) { on_printed(path); },
            [this] { on_fswatch_ended(); }),
        batcher_(listener),
        settle_time_(io, [this] { schedule(); }),
        wakeups_(
            io, reconciler_, roots_, [this] { observe(); }, [this] { schedule(); }) {
    follow_queue();
    const auto answered = lifetime_.guard([this] {
      reconciler_.answered();
      roots_.check_now();
      schedule();
    });
    remotes_.notify([&io, answered] { asio::post(io, answered); });
  }

  ~Impl() override {
    if (queue_.is_open()) queue_.release();  // the source closes it
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
    remotes_.forget_answers();
    reconciler_.poll();
    reconciler_.retry();
    if (roots_.check_due_slowly()) roots_.check_now();
    reconciler_.look_at_held();  // a close is hinted a moment before it counts
    syncs_.push_back({reconciler_.round() + kSyncRounds, std::move(done)});
    schedule();
  }

  void list(std::optional<std::string> under, bool with_stat, ChunkHandler chunk, SeqHandler done) {
    listings_.push_back({Lister(tree_, roots_.roots(), reconciler_, with_stat), std::move(under),
                         std::move(chunk), std::move(done), false});
    schedule();
  }

  void grant(std::uint64_t batches) {
    batcher_.grant(batches);
    schedule();
  }

  void set(const Settings& settings) {
    if (settings.changes) batcher_.want(*settings.changes);
    if (settings.settle) settle_time_.set(milliseconds(*settings.settle));
    if (!settings.poll_interval) return;
    wakeups_.poll_every(milliseconds(*settings.poll_interval));
    schedule();
  }

  void resume() { schedule(); }

  bool is_stuck() const { return remotes_.wait(); }

  EngineInfo info() const {
    EngineInfo info;
    info.directories = tree_.directories();
    info.files = tree_.others();
    info.watches = tree_.watches();
    info.polled = reconciler_.polled();
    info.batches = batcher_.seq();
    info.events = batcher_.events();
    info.overflows = overflows_;
    info.rescans = reconciler_.rescans();
    info.dirty = reconciler_.dirty();
    info.held = reconciler_.held();
    info.credit = batcher_.credit();
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
    if (root.backend == Backend::fswatch && fswatch_.running()) return "fswatch";
    const bool watched = tree_.is_directory(node) && tree_.watch(node) >= 0;
    return watched ? std::string(source_->name(tree_.watch(node))) : "poll";
  }

  // --- the loop --------------------------------------------------------------------------------

  // The source may have begun to use another one.
  void follow_queue() {
    if (source_->fd() < 0 || (queue_.is_open() && queue_.native_handle() == source_->fd())) return;
    if (queue_.is_open()) queue_.release();
    queue_.assign(source_->fd());
    wait_for_hints();
  }

  void wait_for_hints() {
    queue_.async_wait(asio::posix::stream_descriptor::wait_read,
                      lifetime_.guard([this](const boost::system::error_code& error) {
                        if (error) return;
                        on_hints();
                      }));
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

  void on_printed(const std::string& path) {
    settle_time_.hinted();
    roots_.printed(path);
    schedule();
  }

  void on_fswatch_ended() {
    for (const Roots::Pointer& root : roots_.roots().all()) {
      if (root->backend == Backend::fswatch && root->node != kNoNode)
        notice(PolledNotice{root->path, "fswatch"});
    }
    schedule();
  }

  void drain() {
    source_->read([this](const Hint& hint) {
      settle_time_.hinted();
      wakeups_.hinted();
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
    mounts_.take();
    if (!in_round_ && is_settled()) reconciler_.confirm(now);
  }

  void schedule() {
    if (std::exchange(scheduled_, true)) return;
    asio::post(io_, lifetime_.guard([this] { slice(); }));
  }

  void slice() {
    scheduled_ = false;
    const auto end = Clock::now() + kSlice;
    bool more = true;
    do {
      more = step();
      drained_.reset();
    } while (more && Clock::now() < end);
    batcher_.flush();
    if (std::exchange(must_wait_, false)) wait_for_hints();
    follow_queue();
    if (more) {
      schedule();
    } else {
      reconciler_.rest();
      if (roots_.uses_fswatch()) fswatch_.follow(roots_.fswatched());
      wakeups_.set(is_settled());
    }
  }

  // Does one piece of work, the most urgent first. False when there is nothing to do for now.
  bool step() {
    if (batcher_.is_due()) batcher_.flush();
    if (!listings_.empty()) return list_step();
    if (roots_.learn()) return true;
    if (roots_.check_due()) {
      observe();
      roots_.check();
      return true;
    }
    // Every root is known now, unless one could not be looked at for a passing reason.
    if (!starts_.empty() && !roots_.check_due_later()) {
      for (const DoneHandler& done : std::exchange(starts_, {})) done(Done{});
    }
    if (!syncs_.empty() && !in_round_ && is_settled()) return answer_at_rest();
    if (!batcher_.has_credit() || !listener_.has_room()) return false;
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
    if (in_round_) return look();
    if (reconciler_.unsettled()) {
      if (!is_quiet()) return false;
      lone_ = drained_.has_value() && reconciler_.dirty() == 1;
      const std::int64_t now = drained_ ? *drained_ : inode_clock();
      if (!drained_) drain();
      reconciler_.begin_round(now);
      in_round_ = true;
      return look();
    }
    settle_time_.rest();
    if (!mounts_.unchecked()) return false;
    mounts_.note();
    drain();
    if (!reconciler_.unsettled()) mounts_.check();
    return true;
  }

  // Looks at some of what the round is about. A change that comes alone is told before what else
  // there is to do; of many, batches are better filled.
  bool look() {
    for (int i = 0; i < kLooksAStep && !batcher_.is_due() && !roots_.check_due(); ++i) {
      if (!reconciler_.work()) {
        end_round();
        break;
      }
      if (!std::exchange(lone_, false)) continue;
      batcher_.flush();
      break;  // it may have taken the last credit
    }
    return true;
  }

  // Whether all that changed so far has been told.
  bool is_settled() const {
    return !reconciler_.unsettled() && !wakeups_.must_retry() && !roots_.has_untold() &&
           !mounts_.unchecked();
  }

  void end_round() {
    in_round_ = false;
    roots_.check_covered();
    if (!wakeups_.must_retry()) {
      answer_syncs([this](const Sync& sync) { return sync.round <= reconciler_.round(); });
    }
  }

  // A sync does not wait for the settle time, nor does what has not been hinted.
  bool is_quiet() { return !syncs_.empty() || !reconciler_.hinted() || settle_time_.is_over(); }

  // --- what is told ----------------------------------------------------------------------------

  void change(Event event) override { batcher_.add(std::move(event)); }
  void notice(Notice notice) override { batcher_.add(std::move(notice)); }

  void tell_overflow() {
    for (const Roots::Pointer& root : roots_.roots().all()) {
      if (root->phase == Root::Phase::told) notice(OverflowNotice{root->path});
    }
  }

  void uprooted(NodeId node) override { roots_.uprooted(node); }

  template <class Due>
  void answer_syncs(Due due) {
    if (syncs_.empty()) return;
    batcher_.flush();
    std::erase_if(syncs_, [&](Sync& sync) {
      if (!due(sync)) return false;
      sync.done(batcher_.seq());
      return true;
    });
  }

  bool list_step() {
    if (!listener_.has_room()) return false;
    batcher_.flush();
    Listing& listing = listings_.front();
    std::optional<Error> error;
    if (!std::exchange(listing.started, true)) error = listing.lister.start(listing.under);
    if (!error && listing.lister.more()) {
      listing.chunk(listing.lister.next());
      return true;
    }
    const Listing done = std::move(listing);
    listings_.pop_front();
    done.done(error ? Result<std::uint64_t>(*error) : Result<std::uint64_t>(batcher_.seq()));
    return true;
  }

  asio::io_context& io_;
  Listener& listener_;
  Tree tree_;
  RemoteMounts remotes_;
  std::shared_ptr<HintSource> source_;
  PlaceWatches places_;
  Visibility visibility_;
  Reconciler reconciler_;
  RootKeeper roots_;
  asio::posix::stream_descriptor queue_;
  MountAlert mounts_;
  Fswatch fswatch_;
  Batcher batcher_;
  SettleTime settle_time_;
  Wakeups wakeups_;
  Lifetime lifetime_;

  bool scheduled_ = false;
  bool in_round_ = false;
  bool overflow_untold_ = false;
  bool must_wait_ = false;  // for hints
  bool lone_ = false;       // the round is about one name that was hinted alone
  // When the kernel's queue was read, while nothing has been done since.
  std::optional<std::int64_t> drained_;

  std::uint64_t overflows_ = 0;
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
void Engine::set(const Settings& settings) {
  impl_->set(settings);
}
void Engine::resume() {
  impl_->resume();
}
EngineInfo Engine::info() const {
  return impl_->info();
}
bool Engine::is_stuck() const {
  return impl_->is_stuck();
}

}  // namespace lookout
