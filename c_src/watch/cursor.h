// The cursor of an engine: continues from a snapshot of an earlier run, and saves new ones.
//
// Nothing else may change the tree while a snapshot is loaded or saved. So the engine then only
// serves requests and reads the kernel's queue.
//
// EngineLoop owns it, and calls load_step() and save_step() in its slices.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "snapshot/directory.h"
#include "snapshot/saver.h"
#include "support/error.h"
#include "support/lifetime.h"
#include "watch/cursor_start.h"
#include "watch/device_search.h"
#include "watch/disk/remote_mounts.h"
#include "watch/model/tree.h"
#include "watch/model/tree_loader.h"
#include "watch/model/tree_saver.h"
#include "watch/model/watch_options.h"
#include "watch/reconcile/reconciler.h"
#include "watch/roots/root_manager.h"
#include "watch/sources/alarm.h"

namespace lookout {

class Cursor {
 public:
  // Called with the number of the last batch of the earlier run, 0 if there is none, or with that
  // of the batch that a save contains. Called from the loop, or within a call of this class:
  // EngineLoop makes these calls in its slices, and watch_from() with a handler that only records
  // the outcome.
  using SeqHandler = std::function<void(Result<std::uint64_t>)>;

  // `wake` is called when there is work again.
  Cursor(boost::asio::io_context& io, Tree& tree, Reconciler& reconciler, RootManager& roots,
         const RemoteMounts& mounts, std::function<void()> wake)
      : io_(io),
        tree_(tree),
        reconciler_(reconciler),
        roots_(roots),
        mounts_(mounts),
        wake_(std::move(wake)),
        lock_again_(io),
        give_up_(io) {}

  // Unlocks the directory first: the thread that writes may be waiting for the disk.
  ~Cursor() { directory_.reset(); }
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;

  bool is_open() const { return directory_.has_value(); }
  // Refuses a root that has the directory of snapshots in it: each save would be a change.
  std::optional<Error> refusal(const Root& root) const;

  // Opens the directory, loads the snapshot and gives RootManager the roots. Calls `done` with an
  // error or when that is done.
  void watch_from(const std::vector<std::string>& paths, const WatchOptions& options,
                  const CursorStart& start, SeqHandler done);
  bool loads() const { return loading_ != nullptr; }
  // Loads a little more. Call it while loads().
  void load_step();

  // Saves the tree as a snapshot, when begin_save() is called. `round` is the first round of the
  // reconciler at whose end it may be saved although changes continue.
  void save(const std::string& name, std::uint64_t round, SeqHandler done);
  bool is_save_due() const { return !saves_.empty(); }
  // Whether the next save has waited long enough for a time without changes.
  bool is_save_overdue() const;
  // Begins to save the tree, all of which was reported up to batch `seq`.
  void begin_save(std::uint64_t seq);
  bool saves() const { return saving_ != nullptr; }
  // Saves a little more. Returns false if that must wait for the disk. Call it while saves().
  bool save_step();
  // Whether a thread is left that waits for a disk.
  bool is_stuck() const { return stuck_; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Opening {
    std::vector<std::string> paths;
    WatchOptions options;
    CursorStart start;
    SeqHandler done;
    int tries;
  };
  struct Loading {
    TreeLoader loader;
    std::optional<DeviceSearch> devices;  // until all are found
    RootManager::Prepared prepared;
    WatchOptions options;
    SeqHandler done;
    std::optional<RootManager::Adoption> adoption = {};  // when the tree has been loaded
    std::optional<Error> failure = {};                   // of a load that is being undone
  };
  struct Save {
    std::string name;
    std::uint64_t round;
    Clock::time_point since;
    SeqHandler done;
  };
  struct Saving {
    std::uint64_t seq;
    SeqHandler done;
    TreeSaver tree;
    std::unique_ptr<SnapshotSaver> file;
    bool encoded;
  };

  void open(Opening opening);
  std::optional<Error> begin(Opening& opening);
  SnapshotHeader header(std::uint64_t seq, std::vector<NodeId>& nodes) const;
  void end_save(std::optional<Error> error);

  boost::asio::io_context& io_;
  Tree& tree_;
  Reconciler& reconciler_;
  RootManager& roots_;
  const RemoteMounts& mounts_;
  std::function<void()> wake_;
  std::optional<SnapshotDirectory> directory_;
  std::unique_ptr<Loading> loading_;
  std::deque<Save> saves_;
  std::unique_ptr<Saving> saving_;
  bool stuck_ = false;
  Alarm lock_again_;
  Alarm give_up_;
  Lifetime lifetime_;
};

}  // namespace lookout
