#include "watch/engine.h"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <cstddef>
#include <deque>
#include <fstream>
#include <utility>

#include "support/free_memory.h"
#include "support/lifetime.h"
#include "watch/alarm.h"
#include "watch/batcher.h"
#include "watch/cursor.h"
#include "watch/disk.h"
#include "watch/fswatch.h"
#include "watch/hint_source.h"
#include "watch/lister.h"
#include "watch/mount_alert.h"
#include "watch/path_watches.h"
#include "watch/reconciler.h"
#include "watch/remote_mounts.h"
#include "watch/root_manager.h"
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

// How long the engine works before it returns to the loop, and how many entries and how many roots
// it checks in one step.
constexpr milliseconds kSlice{4};
constexpr int kLooksAStep = 8;
constexpr int kChecksAStep = 4;
// The number of rounds after which a sync is answered under steady changes: one to finish the
// current round, one for the events that the kernel had queued, and the others for the entries that
// these two put off.
constexpr std::uint64_t kSyncRounds = 6;
// How long nothing must have changed before a snapshot is saved: longer than a tick of the clock of
// inodes.
constexpr milliseconds kCalm{20};
// Memory is returned to the kernel only if it is at least this much, in bytes.
constexpr std::size_t kNoticeableMemory = std::size_t{4} << 20;

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
        paths_(*source_, remotes_, [this](int watch) { return tree_.watch_in_use(watch); }),
        visibility_(tree_),
        reconciler_(tree_, visibility_, *source_, paths_, remotes_, *this),
        roots_(tree_, visibility_, paths_, reconciler_, remotes_, *this),
        cursor_(io, tree_, reconciler_, roots_, remotes_, [this] { schedule(); }),
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
            io, reconciler_, roots_, [this] { observe(); }, [this] { schedule(); }),
        calm_(io) {
    follow_queue();
    const auto answered = lifetime_.guard([this] {
      reconciler_.answered();
      roots_.doubt_transient();
      roots_.doubt_unwatched();
      schedule();
    });
    remotes_.notify([&io, answered] { asio::post(io, answered); });
  }

  ~Impl() override {
    if (queue_.is_open()) queue_.release();  // the source closes the descriptor
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void watch(const std::vector<std::string>& paths, const WatchOptions& options, DoneHandler done) {
    if (cursor_.loads()) {
      Error error{"eagain", "watch", "", "a snapshot is being loaded; watch when that is answered"};
      asio::post(io_, [done = std::move(done), error] { done(error); });
      return;
    }
    mounts_.take();  // read changes of the mount table before the paths are listed
    auto prepared = roots_.prepare(paths, options, {},
                                   [this](const Root& root) { return cursor_.refusal(root); });
    if (Error* error = std::get_if<Error>(&prepared)) {
      asio::post(io_, [done = std::move(done), failed = std::move(*error)] { done(failed); });
      return;
    }
    roots_.begin(std::get<RootManager::Prepared>(prepared));
    starts_.push_back(std::move(done));
    schedule();
  }

  void resume(const std::vector<std::string>& paths, const WatchOptions& options,
              const CursorStart& start, SeqHandler done) {
    mounts_.take();
    auto resumed = [this, done = std::move(done)](Result<std::uint64_t> result) {
      if (const auto* error = std::get_if<Error>(&result)) return done(*error);
      const std::uint64_t seq = std::get<std::uint64_t>(result);
      batcher_.continue_after(seq);
      starts_.emplace_back([done, seq](const Result<Done>& /*live*/) { done(seq); });
    };
    cursor_.resume(paths, options, start, std::move(resumed));
    schedule();
  }

  void save(const std::string& name, SeqHandler done) {
    cursor_.save(name, reconciler_.round() + kSyncRounds, std::move(done));
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
    roots_.doubt_unwatched();
    // The kernel queues IN_CLOSE_WRITE a moment before the file has one writer less: check again.
    reconciler_.check_waiting_files();
    syncs_.push_back({reconciler_.round() + kSyncRounds, roots_.last_check(), std::move(done)});
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

  void revoke() { batcher_.revoke(); }

  void set(const Settings& settings) {
    if (settings.changes) batcher_.want(*settings.changes);
    if (settings.settle) settle_time_.set(milliseconds(*settings.settle));
    if (settings.max_settle) settle_time_.set_longest(milliseconds(*settings.max_settle));
    if (settings.poll_interval) wakeups_.poll_every(milliseconds(*settings.poll_interval));
    schedule();  // changes that wait for the former settle time may be due
  }

  void resume() { schedule(); }

  bool is_stuck() const { return remotes_.wait() || cursor_.is_stuck(); }

  EngineInfo info() const {
    EngineInfo info;
    info.directories = tree_.directories();
    info.files = tree_.others();
    info.watches = tree_.watches() + reconciler_.file_watches();
    info.polled = reconciler_.polled();
    info.batches = batcher_.seq();
    info.events = batcher_.events();
    info.overflows = overflows_;
    info.rescans = reconciler_.hints().rescans();
    info.dirty = reconciler_.dirty();
    info.held = reconciler_.waiting_files();
    info.credit = batcher_.credit();
    info.entry_checks = reconciler_.checks();
    info.root_checks = roots_.last_check();
    info.memory = resident_bytes();
    for (const Roots::Pointer& root : roots_.roots().all()) {
      if (!root->removed && !root->is_base) info.roots.emplace_back(root->path, source_of(*root));
    }
    return info;
  }

 private:
  struct Sync {
    std::uint64_t round;
    std::uint64_t check;  // the last check of a root that was requested before it
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
    const NodeId node = roots_.directory_of(root);
    if (node == kNoNode) return {};
    if (root.options.backend == Backend::fswatch && fswatch_.running()) return "fswatch";
    const bool watched = tree_.watch(node) >= 0;
    return watched ? std::string(source_->name(tree_.watch(node))) : "poll";
  }

  // --- the loop --------------------------------------------------------------------------------

  // Waits on the descriptor of the source, which may have replaced it by another one.
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

  // Reads the hints. slice() waits for more only after it has reported their changes, so that the
  // report of a single change is not delayed by another system call.
  void on_hints() {
    const std::int64_t now = inode_clock();
    drain();
    drained_ = now;
    must_wait_ = true;
    schedule();
  }

  void on_printed(const std::string& path) {
    delaying([&] { roots_.printed(path); });
    schedule();
  }

  void on_fswatch_ended() {
    for (const Roots::Pointer& root : roots_.roots().all()) {
      if (root->options.backend == Backend::fswatch && root->node != kNoNode)
        notice(PolledNotice{root->path, "fswatch"});
    }
    schedule();
  }

  // Calls take(), which handles a hint. Restarts the settle time if that made a visible entry
  // dirty: an ignored file that changes all the time must not delay the report of other files.
  template <class F>
  void delaying(F take) {
    const std::uint64_t before = reconciler_.hints().additions();
    take();
    if (reconciler_.hints().additions() != before) settle_time_.hinted();
  }

  void drain() {
    visibility_.limit();
    source_->read([this](const Hint& hint) {
      wakeups_.hinted();
      if (!hint.overflow) {
        paths_.take(hint);
        delaying([&] { reconciler_.hints().take(hint); });
        return;
      }
      settle_time_.hinted();
      ++overflows_;
      overflow_untold_ = true;
      reconciler_.hints().distrust_everything();
      paths_.doubt_all();
      roots_.doubt_all();
    });
  }

  // Reads the kernel's queue. If nothing is left to be checked, the reconciler records that the
  // tree was correct when the reading began.
  void observe() {
    const std::int64_t now = inode_clock();
    drain();
    mounts_.take();
    if (!in_round_ && is_reconciled()) reconciler_.confirm(now);
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
      if (compact()) schedule();
    }
  }

  // Returns memory to the kernel when most of the tree has been deleted. False when there is no
  // more to do.
  bool compact() {
    if (tree_.compact()) return true;
    const std::size_t memory = tree_.memory();
    most_memory_ = std::max(most_memory_, memory);
    if (memory > most_memory_ / 2 || most_memory_ - memory < kNoticeableMemory) return false;
    most_memory_ = memory;
    give_free_memory_back();
    return false;
  }

  // Does one piece of work, the most urgent first. False when there is nothing to do for now.
  bool step() {
    if (batcher_.is_due()) batcher_.flush();
    if (cursor_.loads()) {
      cursor_.load_step();
      return true;
    }
    if (!listings_.empty()) return list_step();
    if (cursor_.saves()) return cursor_.save_step();
    if (roots_.learn()) {
      last_work_ = Clock::now();
      return true;
    }
    // The checks and deletions of roots alternate with other work.
    turn_ = !turn_;
    if (roots_.check_due() && (turn_ || roots_.check_urgent())) return check_roots();
    // Every root has been loaded now, unless one could not be checked because of a transient error.
    if (!starts_.empty() && !roots_.check_due() && !roots_.any_transient()) {
      for (const DoneHandler& done : std::exchange(starts_, {})) done(Done{});
    }
    if (!syncs_.empty() && !in_round_ && is_settled() && !batcher_.withholds()) {
      return answer_at_rest();
    }
    if (cursor_.is_save_due() && may_save()) {
      cursor_.begin_save(batcher_.seq());
      return true;
    }
    if (reconciler_.is_removing() && !reconciler_.reports_removal()) {
      reconciler_.removal_step();
      return true;
    }
    if (!batcher_.has_credit() || !listener_.has_room()) {
      return reconciler_.read_out() || roots_.check_due();
    }
    if (std::exchange(overflow_untold_, false)) tell_overflow();
    // If two roots may report the same paths, the deletions of one are reported before the entries
    // of a new one.
    const bool ordered = reconciler_.removes_urgently() || roots_.has_untold();
    if (reconciler_.is_removing() && (turn_ || ordered)) {
      reconciler_.removal_step();
      return true;
    }
    if (const auto telling = roots_.tell()) {
      const NodeId node = telling->node;
      if (node != kNoNode) change({Change::created, tree_.type(node), tree_.path(node), {}});
      return true;
    }
    return reconcile_step() || roots_.check_due() || reconciler_.is_removing();
  }

  bool check_roots() {
    observe();
    for (int i = 0; i < kChecksAStep && roots_.check_due(); ++i) {
      roots_.check();
      if (roots_.roots().any(Root::Phase::crawling)) break;
    }
    return true;
  }

  // Whether the tree is what was reported. At best it is what is on the disk, too, and the last
  // change is older than a tick of the clock: a file of the last tick would be reported again.
  bool may_save() {
    if (in_round_) return false;
    batcher_.flush();
    if (batcher_.withholds()) return false;
    if (is_settled()) {
      const auto calm = Clock::now() - last_work_;
      if (calm < kCalm) {
        calm_.set(kCalm, [this] { schedule(); });
        return false;
      }
      observe();
      if (is_settled()) return true;
    }
    return cursor_.is_save_overdue() && !roots_.has_untold() && !reconciler_.is_removing() &&
           !roots_.roots().any(Root::Phase::leaving);
  }

  // Closes cached descriptors and reads the queue again before it answers the syncs: the kernel
  // queues IN_DELETE_SELF of a directory removed while it is open only when it is closed.
  bool answer_at_rest() {
    reconciler_.rest();
    drain();
    if (is_settled()) answer_syncs([](const Sync&) { return true; });
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

  // Checks some of the entries of the round. A change that comes alone is reported before any other
  // work. When there are many, they are collected to fill batches.
  bool look() {
    const std::uint64_t before = visibility_.steps();
    for (int i = 0; i < kLooksAStep && !batcher_.is_due() && !roots_.check_urgent() &&
                    visibility_.steps() - before < kStepsASlice;
         ++i) {
      if (!reconciler_.work()) {
        end_round();
        break;
      }
      if (!std::exchange(lone_, false)) continue;
      batcher_.flush();
      break;  // the flush may have used the last credit
    }
    return true;
  }

  // Whether all known changes have been reported.
  bool is_settled() const { return is_reconciled() && !roots_.check_due(); }
  bool is_reconciled() const {
    return !cursor_.loads() && !reconciler_.unsettled() && !wakeups_.must_retry() &&
           !roots_.has_untold() && !mounts_.unchecked();
  }

  void end_round() {
    in_round_ = false;
    last_work_ = Clock::now();
    if (!wakeups_.must_retry() && !reconciler_.is_removing()) {
      answer_syncs([this](const Sync& sync) {
        return sync.round <= reconciler_.round() && roots_.is_checked(sync.check);
      });
    }
  }

  // Whether a round may begin: neither a sync, a save nor work without a hint waits for the settle
  // time.
  bool is_quiet() {
    return !syncs_.empty() || cursor_.is_save_due() || !reconciler_.hints().any() ||
           settle_time_.is_over();
  }

  // --- reports ---------------------------------------------------------------------------------

  void change(Event event) override {
    if (!roots_.follows_changes()) return batcher_.add(std::move(event));
    roots_.before(event);
    batcher_.add(event);
    roots_.after(event);
  }
  void notice(Notice notice) override { batcher_.add(std::move(notice)); }

  void tell_overflow() {
    for (const Roots::Pointer& root : roots_.roots().all()) {
      const bool told = root->phase == Root::Phase::told && !root->is_base;
      if (told || root->joined) notice(OverflowNotice{root->path});
    }
  }

  void root_removed(NodeId node) override { roots_.root_removed(node); }
  void root_doubted(NodeId root) override { roots_.doubt(root); }
  void visibility_changed(NodeId directory) override { roots_.visibility_changed(directory); }

  template <class Due>
  void answer_syncs(Due due) {
    if (syncs_.empty()) return;
    batcher_.flush();
    if (batcher_.withholds()) return;
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
  PathWatches paths_;
  Visibility visibility_;
  Reconciler reconciler_;
  RootManager roots_;
  Cursor cursor_;
  asio::posix::stream_descriptor queue_;
  MountAlert mounts_;
  Fswatch fswatch_;
  Batcher batcher_;
  SettleTime settle_time_;
  Wakeups wakeups_;
  Lifetime lifetime_;

  Alarm calm_;
  Clock::time_point last_work_{};  // the end of the last round, or when a root was loaded
  bool scheduled_ = false;
  bool turn_ = false;  // the next step prefers roots to other changes
  bool in_round_ = false;
  bool overflow_untold_ = false;
  bool must_wait_ = false;  // slice() must call wait_for_hints()
  bool lone_ = false;       // the round has a single dirty name, which came alone
  // When on_hints() read the kernel's queue; nullopt once a step of work has been done since.
  std::optional<std::int64_t> drained_;

  std::size_t most_memory_ = 0;  // the most that the idle tree took since memory was last returned
  std::uint64_t overflows_ = 0;
  std::vector<DoneHandler> starts_;  // calls of watch() that are to be answered
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
void Engine::resume(const std::vector<std::string>& paths, const WatchOptions& options,
                    const CursorStart& start, SeqHandler done) {
  impl_->resume(paths, options, start, std::move(done));
}
void Engine::save(const std::string& name, SeqHandler done) {
  impl_->save(name, std::move(done));
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
void Engine::revoke() {
  impl_->revoke();
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
