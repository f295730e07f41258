// The work of the engine, in slices of the event loop. Each slice does the most urgent pieces of
// work for a few milliseconds; see step(). Engine owns it and calls it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "support/lifetime.h"
#include "watch/batcher.h"
#include "watch/cursor.h"
#include "watch/engine.h"
#include "watch/engine_model.h"
#include "watch/hint_waiter.h"
#include "watch/list_requests.h"
#include "watch/memory_return.h"
#include "watch/mount_alert.h"
#include "watch/reconcile/change_sink.h"
#include "watch/settle_time.h"
#include "watch/sources/alarm.h"
#include "watch/sources/fswatch.h"
#include "watch/sync_requests.h"
#include "watch/wakeups.h"

namespace lookout {

// Each public function is that of Engine.
class EngineLoop : private ChangeSink {
 public:
  using DoneHandler = Engine::DoneHandler;
  using SeqHandler = Engine::SeqHandler;

  EngineLoop(boost::asio::io_context& io, Listener& listener);
  EngineLoop(const EngineLoop&) = delete;
  EngineLoop& operator=(const EngineLoop&) = delete;
  ~EngineLoop() override = default;

  void watch(const std::vector<std::string>& paths, const WatchOptions& options, DoneHandler done);
  void watch_from(const std::vector<std::string>& paths, const WatchOptions& options,
                  const CursorStart& start, SeqHandler done);
  void save(const std::string& name, SeqHandler done);
  void unwatch(const std::string& path, DoneHandler done);
  void sync(SeqHandler done);
  void list(std::optional<std::string> under, bool with_stat, Engine::ChunkHandler chunk,
            SeqHandler done);
  void grant(std::uint64_t batches);
  void revoke() { batcher_.revoke(); }
  void set(const Settings& settings);
  void resume() { schedule(); }
  EngineInfo info() const;
  bool is_stuck() const;

 private:
  using Clock = std::chrono::steady_clock;

  struct Requests {
    std::vector<DoneHandler> starts;  // calls of watch() that are to be answered
    SyncRequests syncs;
    ListRequests listings;
  };
  struct Round {
    bool runs = false;
    bool lone = false;  // it has a single dirty name, which came alone
    // When the kernel's queue was read for a hint; nullopt once a step of work has been done since.
    std::optional<std::int64_t> drained;
    Clock::time_point last_work;  // the end of the last round, or when a root was loaded
  };
  struct Overflows {
    std::uint64_t count = 0;
    bool unreported = false;
  };
  // What brings hints and work beside the requests.
  struct Sources {
    explicit Sources(EngineLoop& loop);
    HintWaiter queue;
    MountAlert mounts;
    Fswatch fswatch;
  };
  struct Timers {
    explicit Timers(EngineLoop& loop);
    SettleTime settle;
    Wakeups wakeups;
    Alarm calm;
  };

  std::string source_of(const Root& root) const;

  // --- hints ---
  // The kernel's queue is readable: reads it, and has the work done in a slice.
  void read_hints();
  // Makes a call that may add hints; if it does, they delay the next round (`:settle`).
  template <class F>
  void delaying(F take);
  // Reads the kernel's queue until it is empty.
  void drain();
  // The same, with the mount table. If nothing is unsettled then, the tree is confirmed to be
  // correct up to the begin of this call.
  void observe();
  void take_printed(const std::string& path);
  void end_fswatch();

  // --- slices ---
  void schedule();
  void slice();
  bool step();
  bool check_roots();
  bool may_save();
  // Answers the syncs when everything is settled. Returns whether there is more work.
  bool answer_at_rest();
  bool reconcile_step();
  bool check_entries();
  void end_round();
  bool is_settled() const;
  bool is_reconciled() const;
  bool is_quiet();
  template <class IsDue>
  void answer_syncs(IsDue is_due);
  bool list_step();
  void report_overflow();

  void change(Event event) override;
  void notice(Notice notice) override { batcher_.add(std::move(notice)); }
  void root_removed(NodeId node) override { model_.roots.root_removed(node); }
  void root_needs_check(NodeId root) override { model_.roots.checks().add(root); }
  void visibility_changed(NodeId directory) override { model_.roots.visibility_changed(directory); }

  boost::asio::io_context& io_;
  Listener& listener_;
  EngineModel model_;
  Cursor cursor_;
  Batcher batcher_;
  Sources sources_;
  Timers timers_;
  Requests requests_;
  Round round_;
  Overflows overflows_;
  MemoryReturn memory_;
  bool scheduled_ = false;
  bool turn_ = false;  // the next step checks roots before it reconciles other changes
  Lifetime lifetime_;
};

}  // namespace lookout
