#include "watch/engine_loop.h"

#include <boost/asio/post.hpp>
#include <utility>

#include "watch/disk/disk.h"

namespace lookout {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;

// How long the engine works before it returns to the loop, and how many entries and how many roots
// it checks in one step.
constexpr milliseconds kSlice{4};
constexpr int kEntriesPerStep = 8;
constexpr int kRootsPerStep = 4;
// How long nothing must have changed before a snapshot is saved: longer than a tick of the clock of
// inodes.
constexpr milliseconds kCalm{20};

}  // namespace

EngineLoop::Sources::Sources(EngineLoop& loop)
    : queue(loop.io_, *loop.model_.source, [&loop] { loop.read_hints(); }),
      mounts(loop.io_, loop.model_.roots, loop.model_.reconciler, loop.model_.paths,
             loop.model_.remotes,
             [&loop] {
               loop.model_.source->mounts_changed();
               loop.schedule();
             }),
      fswatch(
          loop.io_, [&loop](const std::string& path) { loop.take_printed(path); },
          [&loop] { loop.end_fswatch(); }) {}

EngineLoop::Timers::Timers(EngineLoop& loop)
    : settle(loop.io_, [&loop] { loop.schedule(); }),
      wakeups(
          loop.io_, loop.model_.reconciler, loop.model_.roots, [&loop] { loop.observe(); },
          [&loop] { loop.schedule(); }),
      calm(loop.io_) {}

EngineLoop::EngineLoop(asio::io_context& io, Listener& listener)
    : io_(io),
      listener_(listener),
      model_(*this),
      cursor_(io, model_.tree, model_.reconciler, model_.roots, model_.remotes,
              [this] { schedule(); }),
      batcher_(listener),
      sources_(*this),
      timers_(*this) {
  const auto answered = lifetime_.guard([this] {
    model_.reconciler.answered();
    model_.roots.checks().add_transient();
    model_.roots.checks().add_unwatched();
    schedule();
  });
  model_.remotes.notify([&io, answered] { asio::post(io, answered); });
}

// --- hints -------------------------------------------------------------------------------------

// slice() waits for more hints only after it has reported the changes of these.
void EngineLoop::read_hints() {
  const std::int64_t now = inode_clock();
  drain();
  round_.drained = now;
  schedule();
}

void EngineLoop::take_printed(const std::string& path) {
  delaying([&] { model_.roots.printed(path); });
  schedule();
}

void EngineLoop::end_fswatch() {
  for (const Roots::Pointer& root : model_.roots.roots().all()) {
    if (root->options.backend == Backend::fswatch && root->node != kNoNode) {
      notice(PolledNotice{root->path, "fswatch"});
    }
  }
  schedule();
}

// Calls take(), which handles a hint. Restarts the settle time if that made a visible entry dirty:
// an ignored file that changes all the time must not delay the report of other files.
template <class F>
void EngineLoop::delaying(F take) {
  const std::uint64_t before = model_.reconciler.hints().additions();
  take();
  if (model_.reconciler.hints().additions() != before) timers_.settle.event_arrived();
}

void EngineLoop::drain() {
  model_.visibility.limit();
  model_.source->read([this](const Hint& hint) {
    timers_.wakeups.event_arrived();
    if (!hint.overflow) {
      model_.paths.take(hint);
      delaying([&] { model_.reconciler.hints().take(hint); });
      return;
    }
    timers_.settle.event_arrived();
    ++overflows_.count;
    overflows_.unreported = true;
    model_.reconciler.hints().rescan_all();
    model_.paths.invalidate_all();
    model_.roots.checks().add_all();
  });
}

// Reads the kernel's queue. If nothing is left to be checked, the reconciler records that the tree
// was correct when the reading began.
void EngineLoop::observe() {
  const std::int64_t now = inode_clock();
  drain();
  sources_.mounts.take();
  if (!round_.runs && is_reconciled()) model_.reconciler.confirm(now);
}

// --- slices ------------------------------------------------------------------------------------

void EngineLoop::schedule() {
  if (std::exchange(scheduled_, true)) return;
  asio::post(io_, lifetime_.guard([this] { slice(); }));
}

void EngineLoop::slice() {
  scheduled_ = false;
  const auto end = Clock::now() + kSlice;
  bool more = true;
  do {
    more = step();
    round_.drained.reset();
  } while (more && Clock::now() < end);
  batcher_.flush();
  if (model_.paths.any_unconfirmed()) sources_.mounts.take();
  sources_.queue.wait_again();
  sources_.queue.follow();
  if (more) {
    schedule();
  } else {
    model_.reconciler.rest();
    if (model_.roots.uses_fswatch()) sources_.fswatch.follow(model_.roots.fswatched());
    timers_.wakeups.set(is_settled());
    if (memory_.step(model_.tree)) schedule();
  }
}

// Does one piece of work, the most urgent first. False when there is nothing to do for now.
bool EngineLoop::step() {
  Reconciler& reconciler = model_.reconciler;
  RootManager& roots = model_.roots;
  if (batcher_.is_due()) batcher_.flush();
  if (cursor_.loads()) {
    cursor_.load_step();
    return true;
  }
  if (requests_.listings.any() && !batcher_.withholds_batch()) return list_step();
  if (cursor_.saves()) return cursor_.save_step();
  if (roots.load()) {
    round_.last_work = Clock::now();
    return true;
  }
  // The checks and deletions of roots alternate with other work.
  turn_ = !turn_;
  if (roots.checks().any() && (turn_ || roots.checks().any_urgent())) return check_roots();
  // Every root has been loaded now, unless one could not be checked because of a transient error.
  if (!requests_.starts.empty() && !roots.checks().any() && !roots.checks().any_transient()) {
    for (const DoneHandler& done : std::exchange(requests_.starts, {})) done(Done{});
  }
  if (requests_.syncs.any() && !round_.runs && is_settled() && !batcher_.withholds()) {
    return answer_at_rest();
  }
  if (cursor_.is_save_due() && may_save()) {
    cursor_.begin_save(batcher_.seq());
    return true;
  }
  if (reconciler.is_removing() && !reconciler.reports_removal()) {
    reconciler.removal_step();
    return true;
  }
  if (!batcher_.has_credit() || !listener_.has_room()) {
    return reconciler.read_out() || roots.checks().any();
  }
  if (std::exchange(overflows_.unreported, false)) report_overflow();
  // If two roots may report the same paths, the deletions of one are reported before the entries of
  // a new one.
  const bool ordered = reconciler.removes_urgently() || roots.has_unreported();
  if (reconciler.is_removing() && (turn_ || ordered)) {
    reconciler.removal_step();
    return true;
  }
  if (const std::optional<NodeId> next = roots.report()) {
    if (*next != kNoNode) {
      change({Change::created, model_.tree.type(*next), model_.tree.path(*next), {}});
    }
    return true;
  }
  return reconcile_step() || roots.checks().any() || reconciler.is_removing();
}

bool EngineLoop::check_roots() {
  observe();
  for (int i = 0; i < kRootsPerStep && model_.roots.checks().any(); ++i) {
    model_.roots.check();
    if (model_.roots.roots().any(Root::Phase::crawling)) break;
  }
  return true;
}

// Returns whether a snapshot may be saved. The tree must match what was reported. Until the save is
// overdue, it must also match the disk, and the last change must be older than a tick of the clock:
// otherwise the next start would report the files of that tick again.
bool EngineLoop::may_save() {
  if (round_.runs) return false;
  batcher_.flush();
  if (batcher_.withholds()) return false;
  if (is_settled()) {
    const auto calm = Clock::now() - round_.last_work;
    if (calm < kCalm) {
      timers_.calm.set(kCalm, [this] { schedule(); });
      return false;
    }
    observe();
    if (is_settled()) return true;
  }
  return cursor_.is_save_overdue() && !model_.roots.has_unreported() &&
         !model_.reconciler.is_removing() && !model_.roots.roots().any(Root::Phase::leaving);
}

// Closes cached descriptors and reads the queue again before it answers the syncs: the kernel
// queues IN_DELETE_SELF of a directory removed while it is open only when it is closed.
bool EngineLoop::answer_at_rest() {
  model_.reconciler.rest();
  drain();
  if (is_settled()) answer_syncs([](std::uint64_t, std::uint64_t) { return true; });
  return true;
}

bool EngineLoop::reconcile_step() {
  Reconciler& reconciler = model_.reconciler;
  if (round_.runs) {
    if (reconciler.is_long() && is_quiet()) reconciler.hold_listings();
    if (reconciler.may_continue()) {
      drain();
      reconciler.continue_round();
    }
    return check_entries();
  }
  if (reconciler.unsettled()) {
    if (!is_quiet()) return false;
    round_.lone = round_.drained.has_value() && reconciler.dirty() == 1;
    const std::int64_t now = round_.drained ? *round_.drained : inode_clock();
    if (!round_.drained) drain();
    reconciler.begin_round(now);
    round_.runs = true;
    return check_entries();
  }
  timers_.settle.rest();
  if (!sources_.mounts.unchecked()) return false;
  sources_.mounts.note();
  drain();
  if (!reconciler.unsettled()) sources_.mounts.check();
  return true;
}

// Checks some of the entries of the round. A change that comes alone is reported before any other
// work. When there are many, they are collected to fill batches.
bool EngineLoop::check_entries() {
  const StepBudget budget = model_.reconciler.begin_step();
  for (int i = 0; i < kEntriesPerStep && !batcher_.is_due() &&
                  !model_.roots.checks().any_urgent() && !budget.is_spent();
       ++i) {
    if (!model_.reconciler.work()) {
      end_round();
      break;
    }
    if (!std::exchange(round_.lone, false)) continue;
    batcher_.flush();
    break;  // the flush may have used the last credit
  }
  return true;
}

// Whether all known changes have been reported.
bool EngineLoop::is_settled() const {
  return is_reconciled() && !model_.roots.checks().any();
}

bool EngineLoop::is_reconciled() const {
  return !cursor_.loads() && !model_.reconciler.unsettled() && !timers_.wakeups.must_retry() &&
         !model_.roots.has_unreported() && !sources_.mounts.unchecked();
}

void EngineLoop::end_round() {
  round_.runs = false;
  round_.last_work = Clock::now();
  if (!timers_.wakeups.must_retry() && !model_.reconciler.is_removing()) {
    answer_syncs([this](std::uint64_t round, std::uint64_t check) {
      return round <= model_.reconciler.round() && model_.roots.checks().is_done(check);
    });
  }
}

// Whether a round may begin: neither a sync, a save nor work without a hint waits for the settle
// time.
bool EngineLoop::is_quiet() {
  return requests_.syncs.any() || cursor_.is_save_due() || !model_.reconciler.hints().any() ||
         timers_.settle.is_over();
}

// --- reports -----------------------------------------------------------------------------------

void EngineLoop::change(Event event) {
  RootPresence& presence = model_.roots.presence();
  if (!presence.follows_changes()) return batcher_.add(std::move(event));
  presence.before(event);
  batcher_.add(event);
  presence.after(event);
}

void EngineLoop::report_overflow() {
  for (const Roots::Pointer& root : model_.roots.roots().all()) {
    const bool reported = root->phase == Root::Phase::reported && !root->is_base;
    if (reported || root->joined) notice(OverflowNotice{root->path});
  }
}

template <class IsDue>
void EngineLoop::answer_syncs(IsDue is_due) {
  if (!requests_.syncs.any()) return;
  batcher_.flush();
  if (!batcher_.withholds()) requests_.syncs.answer(batcher_.seq(), is_due);
}

bool EngineLoop::list_step() {
  if (!listener_.has_room()) return false;
  batcher_.flush();
  requests_.listings.step(batcher_.seq());
  return true;
}

}  // namespace lookout
