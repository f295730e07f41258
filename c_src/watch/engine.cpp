#include "watch/engine.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <fstream>
#include <utility>

#include "watch/disk.h"
#include "watch/inotify_source.h"
#include "watch/lister.h"
#include "watch/place_watches.h"
#include "watch/reconciler.h"
#include "watch/roots.h"
#include "watch/tree.h"

namespace lookout {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t kBatchEvents = 256;
// Work between two looks at the loop, and how often the clock is read in it.
constexpr milliseconds kSlice{4};
constexpr int kStepsAClockRead = 8;
// Changes that never pause are reported after so many times the settle time.
constexpr int kLongestSettle = 20;
constexpr milliseconds kRetry{100};
constexpr milliseconds kPoll{1000};
// Descriptors of directories are kept open so long after the last change.
constexpr milliseconds kKeepOpen{1000};
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
        places_(source_),
        reconciler_(tree_, source_, places_, *this),
        roots_(tree_),
        queue_(io, source_.fd()),
        settle_timer_(io),
        retry_timer_(io),
        poll_timer_(io),
        rest_timer_(io) {
    wait_for_hints();
  }

  ~Impl() override { queue_.release(); }  // the source closes it
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void watch(const std::vector<std::string>& paths, WatchOptions options, DoneHandler done) {
    std::vector<Roots::Pointer> added;
    for (const std::string& path : paths) {
      auto target = probe(path);
      const Error* error = std::get_if<Error>(&target);
      const bool missing = error != nullptr && options.wait_for_missing;
      if (error != nullptr && !missing) {
        asio::post(io_, [done = std::move(done), failed = *error] { done(failed); });
        return;
      }
      const bool repeated = std::any_of(added.begin(), added.end(),
                                        [&](const auto& root) { return root->path == path; });
      if (repeated || roots_.find(path) != nullptr) continue;
      auto root = std::make_shared<Root>();
      root->path = path;
      root->recursive = options.recursive;
      root->tell = options.report_existing;
      if (!missing) root->target = std::get<Target>(std::move(target));
      added.push_back(std::move(root));
    }
    for (const Roots::Pointer& root : added) roots_.add(root);
    starts_.push_back({std::move(added), std::move(done)});
    reconciler_.set_roots_in_doubt(true);
    schedule();
  }

  void unwatch(const std::string& path, DoneHandler done) {
    const Roots::Pointer root = roots_.find(path);
    Result<Done> outcome = Done{};
    if (root == nullptr) {
      outcome = Error{"not_watched", "unwatch", path, "this path is not watched"};
    } else {
      root->removed = true;
      reconciler_.set_roots_in_doubt(true);
      schedule();
    }
    asio::post(io_, [done = std::move(done), outcome] { done(outcome); });
  }

  void sync(SeqHandler done) {
    drain();
    reconciler_.poll();
    reconciler_.retry();
    syncs_.push_back({reconciler_.round() + kSyncRounds, std::move(done)});
    schedule();
  }

  void list(std::optional<std::string> under, bool with_stat, ChunkHandler chunk, SeqHandler done) {
    listings_.push_back({Lister(tree_, roots_, reconciler_, with_stat), std::move(under),
                         std::move(chunk), std::move(done), false});
    schedule();
  }

  void grant(std::uint64_t batches) {
    credit_ = batches > kUnlimited - credit_ ? kUnlimited : credit_ + batches;
    schedule();
  }

  void set_settle(std::uint32_t value) { settle_ = milliseconds(value); }

  void resume() { schedule(); }

  EngineInfo info() const {
    EngineInfo info;
    info.directories = tree_.directories();
    info.files = tree_.others();
    info.watches = tree_.watches();
    info.batches = seq_;
    info.events = events_;
    info.overflows = overflows_;
    info.rescans = reconciler_.rescans();
    info.dirty = reconciler_.dirty();
    if (credit_ != kUnlimited) info.credit = credit_;
    info.memory = resident_bytes();
    return info;
  }

 private:
  struct Start {
    std::vector<Roots::Pointer> roots;
    DoneHandler done;
  };
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

  // --- the loop --------------------------------------------------------------------------------

  void wait_for_hints() {
    queue_.async_wait(asio::posix::stream_descriptor::wait_read,
                      [this](const boost::system::error_code& error) {
                        if (error) return;
                        drain();
                        schedule();
                        wait_for_hints();
                      });
  }

  void drain() {
    source_.read([this](const Hint& hint) {
      last_hint_ = Clock::now();
      if (!hint.overflow) {
        reconciler_.take(hint);
        return;
      }
      ++overflows_;
      overflow_untold_ = true;
      reconciler_.distrust_everything();
      reconciler_.set_roots_in_doubt(true);
    });
  }

  void schedule() {
    if (std::exchange(scheduled_, true)) return;
    asio::post(io_, [this] { slice(); });
  }

  void slice() {
    scheduled_ = false;
    const auto end = Clock::now() + kSlice;
    bool more = true;
    do {
      for (int i = 0; more && i < kStepsAClockRead; ++i) more = step();
    } while (more && Clock::now() < end);
    flush();
    if (more) {
      schedule();
    } else {
      reconciler_.rest();
      arm_timers();
    }
  }

  // Does one piece of work, the most urgent first. False when there is nothing to do for now.
  bool step() {
    if (batch_.size() >= kBatchEvents || !notices_.empty()) flush();
    if (!listings_.empty()) return list_step();
    if (const auto root = roots_.find(Root::Phase::crawling)) {
      if (!reconciler_.crawl()) crawled(*root);
      return true;
    }
    if (reconciler_.roots_in_doubt()) {
      check_roots();
      return true;
    }
    answer_starts();
    if (credit_ == 0) return false;
    if (std::exchange(overflow_untold_, false)) tell_overflow();
    if (reconciler_.uprooting()) return reconciler_.work();
    if (const auto telling = roots_.find(Root::Phase::telling)) {
      tell_step(*telling);
      return true;
    }
    if (const auto untold = roots_.find(Root::Phase::untold)) {
      untold->phase = Root::Phase::telling;
      untold->cursor = next_below(tree_, untold->node, untold->node);
      return true;
    }
    return reconcile_step();
  }

  bool reconcile_step() {
    if (in_round_) {
      if (!reconciler_.work()) end_round();
      return true;
    }
    if (reconciler_.unsettled()) {
      if (!is_quiet()) return false;
      const std::int64_t now = inode_clock();
      drain();
      reconciler_.begin_round(now);
      in_round_ = true;
      return true;
    }
    unsettled_since_.reset();
    if (!must_retry()) answer_syncs([](const Sync&) { return true; });
    return false;
  }

  void end_round() {
    in_round_ = false;
    for (const Roots::Pointer& root : roots_.all()) {
      if (root->covered && !root->removed) check_covered(*root);
    }
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
    settle_timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error) schedule();
    });
    return false;
  }

  bool must_retry() const { return check_later_ || reconciler_.must_retry(); }

  void arm_timers() {
    arm(retry_timer_, retry_armed_, kRetry, must_retry(), [this] {
      reconciler_.retry();
      if (std::exchange(check_later_, false)) reconciler_.set_roots_in_doubt(true);
      schedule();
    });
    arm(poll_timer_, poll_armed_, kPoll, reconciler_.has_polled(), [this] {
      reconciler_.poll();
      schedule();
    });
    arm(rest_timer_, rest_armed_, kKeepOpen, reconciler_.keeps_directories(), [this] {
      if (Clock::now() - last_hint_ >= kKeepOpen) reconciler_.close_directories();
      arm_timers();
    });
  }

  template <class Action>
  void arm(asio::steady_timer& timer, bool& armed, milliseconds delay, bool wanted, Action action) {
    if (armed || !wanted) return;
    armed = true;
    timer.expires_after(delay);
    timer.async_wait([&armed, action](const boost::system::error_code& error) {
      if (error) return;
      armed = false;
      action();
    });
  }

  // --- what is told ----------------------------------------------------------------------------

  void change(Event event) override { batch_.push_back(std::move(event)); }

  void notice(Notice notice) override { notices_.push_back(std::move(notice)); }

  // Sends what the steps so far have found: changes, which they find on credit only, and after
  // them the notices.
  void flush() {
    if (!batch_.empty()) {
      if (credit_ != kUnlimited) --credit_;
      events_ += batch_.size();
      listener_.on_events(++seq_, std::exchange(batch_, {}));
    }
    for (Notice& notice : std::exchange(notices_, {})) listener_.on_notice(std::move(notice));
  }

  void tell_overflow() {
    for (const Roots::Pointer& root : roots_.all()) {
      if (root->phase == Root::Phase::told) notice(OverflowNotice{root->path});
    }
  }

  // Tells what stands below a new root as created, parents first.
  void tell_step(Root& root) {
    if (root.cursor == kNoNode) {
      root.phase = Root::Phase::told;
      if (std::exchange(check_after_telling_, false)) reconciler_.set_roots_in_doubt(true);
      return;
    }
    change({Change::created, tree_.type(root.cursor), tree_.path(root.cursor), {}});
    root.cursor = next_below(tree_, root.cursor, root.node);
  }

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

  // --- roots -----------------------------------------------------------------------------------

  // Compares each root with what stands at its path. Ends early when one is to be learnt first.
  void check_roots() {
    reconciler_.set_roots_in_doubt(false);
    // Watched first and looked at second, as any directory.
    places_.clear([this](int watch) { return tree_.watch_in_use(watch); });
    for (const Roots::Pointer& root : roots_.all()) {
      if (!root->removed) places_.follow(root->path);
    }
    const std::vector<Roots::Pointer> all = roots_.all();
    for (const Roots::Pointer& root : all) {
      if (root->phase == Root::Phase::leaving) continue;
      if (root->phase == Root::Phase::telling) {
        check_after_telling_ = true;
      } else if (root->removed) {
        drop(root);
      } else if (root->node != kNoNode) {
        check_planted(*root);
      } else if (!plant(*root)) {
        reconciler_.set_roots_in_doubt(true);
        return;
      }
    }
  }

  void drop(const Roots::Pointer& root) {
    if (root->node == kNoNode) {
      roots_.remove(root);
      reconciler_.set_roots_in_doubt(true);  // it may have covered others
    } else {
      leave(*root);
    }
  }

  void check_planted(Root& root) {
    auto found = probe(root.path);
    const Target* target = std::get_if<Target>(&found);
    if (target == nullptr && !is_gone(std::get<Error>(found))) {
      check_later_ = true;
    } else if (target == nullptr || target->identity != tree_.identity(root.node) ||
               target->only != root.target.only) {
      leave(root);
    } else if (roots_.covered(root)) {
      root.moved = true;
      leave(root);
    } else {
      reconciler_.try_again(root.node);
    }
  }

  // Whether nothing stands at a path, as against: it cannot be looked at now.
  static bool is_gone(const Error& error) {
    return error.reason == "enoent" || error.reason == "enotdir" || error.reason == "eloop";
  }

  // Gives up the node of a root; uprooted() follows when its entries are gone.
  void leave(Root& root) {
    const bool was_told = root.phase == Root::Phase::told;
    root.phase = Root::Phase::leaving;
    reconciler_.uproot(root.node, was_told);
    // What was never told needs no credit to be forgotten.
    while (!was_told && tree_.alive(root.node) && root.phase == Root::Phase::leaving) {
      reconciler_.work();
    }
  }

  void uprooted(NodeId node) override {
    const Roots::Pointer root = roots_.find(node);
    root->node = kNoNode;
    root->phase = Root::Phase::absent;
    reconciler_.set_roots_in_doubt(true);
    if (root->removed) {
      roots_.remove(root);
    } else if (!std::exchange(root->moved, false)) {
      lose(*root);
    }
  }

  void lose(Root& root) {
    root.tell = true;  // what appears there again is told
    if (!std::exchange(root.lost, true)) notice(RootDeletedNotice{root.path});
  }

  // Starts to learn a root that has no node. False where that is to be finished first.
  bool plant(Root& root) {
    auto found = probe(root.path);
    if (Target* target = std::get_if<Target>(&found)) root.target = std::move(*target);
    root.covered = roots_.covered(root);
    if (root.covered) {
      check_covered(root);
      return true;
    }
    if (const Error* error = std::get_if<Error>(&found)) {
      if (!is_gone(*error)) {
        if (!root.lost) notice(UnreadableNotice{root.path, error->reason});
        check_later_ = true;
      }
      lose(root);
      return true;
    }
    if (std::exchange(root.lost, false)) notice(RootCreatedNotice{root.path});
    // Roots below this one are told by it from now on.
    if (root.recursive && root.target.only.empty()) {
      for (const Roots::Pointer& other : roots_.all()) {
        if (other->node != kNoNode && other->phase != Root::Phase::leaving &&
            is_path_below(other->path, root.path) && !is_linked(root, *other)) {
          other->moved = true;
          leave(*other);
        }
      }
    }
    root.phase = Root::Phase::crawling;
    root.node = reconciler_.plant(root.target.directory, root.target.identity,
                                  {root.recursive, root.target.only});
    return false;
  }

  // Whether the path of `inner` leaves `outer` through a symbolic link, so that `outer` does not
  // reach it.
  static bool is_linked(const Root& outer, const Root& inner) {
    std::string at = inner.target.only.empty() ? inner.path : inner.target.directory;
    while (is_path_below(at, outer.path)) {
      std::array<char, 1> target{};
      if (::readlink(at.c_str(), target.data(), target.size()) >= 0) return true;
      at.resize(at.rfind('/'));
    }
    return false;
  }

  void crawled(Root& root) {
    root.phase = root.tell ? Root::Phase::untold : Root::Phase::told;
    reconciler_.set_roots_in_doubt(true);
  }

  // A root that another one covers: its own coming and going is told by notices.
  void check_covered(Root& root) {
    if (!roots_.covered(root)) {
      reconciler_.set_roots_in_doubt(true);
      return;
    }
    const bool stands = roots_.resolve(root.path) != kNoNode;
    if (stands && std::exchange(root.lost, false)) {
      notice(RootCreatedNotice{root.path});
    } else if (!stands && !root.lost) {
      lose(root);
    }
  }

  // Answers the requests to watch whose roots are all known.
  void answer_starts() {
    while (!starts_.empty()) {
      const Start start = std::move(starts_.front());
      starts_.pop_front();
      start.done(Done{});
    }
  }

  asio::io_context& io_;
  Listener& listener_;
  Tree tree_;
  InotifySource source_;
  PlaceWatches places_;
  Reconciler reconciler_;
  Roots roots_;
  asio::posix::stream_descriptor queue_;
  asio::steady_timer settle_timer_;
  asio::steady_timer retry_timer_;
  asio::steady_timer poll_timer_;
  asio::steady_timer rest_timer_;
  bool retry_armed_ = false;
  bool poll_armed_ = false;
  bool rest_armed_ = false;

  bool scheduled_ = false;
  bool in_round_ = false;
  bool overflow_untold_ = false;
  bool check_after_telling_ = false;  // a root in doubt was being told
  bool check_later_ = false;          // a root could not be looked at
  milliseconds settle_{0};
  Clock::time_point last_hint_ = Clock::now();
  std::optional<Clock::time_point> unsettled_since_;

  std::uint64_t credit_ = 0;
  std::uint64_t seq_ = 0;
  std::uint64_t events_ = 0;
  std::uint64_t overflows_ = 0;
  std::vector<Event> batch_;
  std::vector<Notice> notices_;
  std::deque<Start> starts_;
  std::vector<Sync> syncs_;
  std::deque<Listing> listings_;
};

Engine::Engine(asio::io_context& io, Listener& listener)
    : impl_(std::make_unique<Impl>(io, listener)) {}
Engine::~Engine() = default;

void Engine::watch(const std::vector<std::string>& paths, WatchOptions options, DoneHandler done) {
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
void Engine::resume() {
  impl_->resume();
}
EngineInfo Engine::info() const {
  return impl_->info();
}

}  // namespace lookout
