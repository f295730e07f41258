// The watching half of `lookout_port`: takes directories and reports their changes. EngineWatching
// and Monitor own one each and call it.
//
// The engine runs in one Asio loop on one thread, which alone accesses the tree. It works in slices
// of a few milliseconds, so that other handlers of the loop are not delayed. It reports nothing
// without credit: until the subscriber grants some, the engine reads the kernel's queue into a
// bounded dirty set, which merges changes of the same entry.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/error.h"
#include "watch/cursor_start.h"
#include "watch/model/entry.h"
#include "watch/model/watch_options.h"

namespace lookout {

// Receives what the engine reports. All methods are called from the loop, never within a call of
// the engine (docs/design.md, "Handlers").
class Listener {
 public:
  virtual ~Listener() = default;
  // Reports a batch of events, which is never empty. `seq` starts at 1 and grows by 1 with every
  // batch. A batch costs one credit for each 256 KiB of paths in it, and at least one.
  virtual void on_events(std::uint64_t seq, const std::vector<Event>& events) = 0;
  // Reports a notice, in order with the batches. A notice costs no credit.
  virtual void on_notice(Notice notice) = 0;
  // False while so much output is queued that nothing more should be reported. Engine::resume()
  // must be called when there is room again.
  virtual bool has_room() const = 0;
};

struct EngineInfo {
  std::uint64_t directories = 0;
  std::uint64_t files = 0;    // every entry that is not a directory
  std::uint64_t watches = 0;  // on directories, and on files that are mount points
  std::uint64_t polled = 0;   // polled directories, and polled files that are mount points
  std::uint64_t batches = 0;
  std::uint64_t events = 0;
  std::uint64_t overflows = 0;
  std::uint64_t rescans = 0;
  std::uint64_t dirty = 0;              // entries to be checked and directories to be scanned
  std::uint64_t held = 0;               // files with pending writers, whose events are held back
  std::optional<std::uint64_t> credit;  // batches; nullopt is unlimited
  std::uint64_t entry_checks = 0;       // how often one entry was compared with the disk
  std::uint64_t root_checks = 0;        // how many checks of a root against its path were requested
  std::uint64_t memory = 0;             // resident bytes of `lookout_port`
  // Each root with the hint source of its own directory; the latter is empty where nothing exists
  // at the root's path.
  std::vector<std::pair<std::string, std::string>> roots;
};

// Settings that apply to everything that is watched. A field without a value leaves its setting
// unchanged.
struct Settings {
  // Which changes are reported; initially all. If some are left out, a subscriber cannot replay the
  // stream to rebuild the tree.
  std::optional<ChangeSet> changes = {};
  // Milliseconds without events before changes are reported; 0, the initial value, reports at once.
  std::optional<std::uint32_t> settle = {};
  // The most milliseconds that a change waits for `settle`; initially 20 times `settle`.
  std::optional<std::uint32_t> max_settle = {};
  // Milliseconds between two scans of a polled directory; initially 1,000.
  std::optional<std::uint32_t> poll_interval = {};

  bool operator==(const Settings&) const = default;
};

class EngineLoop;

class Engine {
 public:
  static constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();

  // Like the methods of Listener, all handlers are called from the loop, never within the call that
  // they were passed to: errors that are known at once are posted.
  using DoneHandler = std::function<void(Result<Done>)>;
  using SeqHandler = std::function<void(Result<std::uint64_t>)>;
  using ChunkHandler = std::function<void(std::vector<Entry>)>;

  // Throws std::system_error if no hint source can be created.
  Engine(boost::asio::io_context& io, Listener& listener);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Watches directories and single files: all of them or, on an error, none. The engine calls
  // `done` when every watch has been added and the tree below has been loaded.
  void watch(const std::vector<std::string>& paths, const WatchOptions& options, DoneHandler done);
  // The same, going on from a snapshot: its entries are what was reported, and the differences from
  // them are reported as changes, also those of options and of paths. Batches continue its numbers.
  // It must be the first watch. Calls `done` with the number of the last batch of the snapshot.
  void watch_from(const std::vector<std::string>& paths, const WatchOptions& options,
                  const CursorStart& start, SeqHandler done);
  // Saves what has been reported as a snapshot with this name. Waits for a time without changes,
  // but not for long. Nothing is reported between the batch whose number `done` gets and that call.
  void save(const std::string& name, SeqHandler done);
  // Stops watching a path, which must be spelled as it was given to `watch`. Its entries are
  // reported as deleted.
  void unwatch(const std::string& path, DoneHandler done);
  // Calls `done` with the number of the last batch once all changes made before this call have been
  // reported.
  void sync(SeqHandler done);
  // Returns the tree in the state that has been reported so far: calls `chunk` with the entries,
  // parents first, then `done` with the number of the last batch. `under` limits it to the entries
  // below that directory.
  void list(std::optional<std::string> under, bool with_stat, ChunkHandler chunk, SeqHandler done);
  // Grants credit for `batches` more batches, fewer if they have long paths; kUnlimited removes the
  // limit.
  void grant(std::uint64_t batches);
  // Takes back all credit that is left: the subscriber is gone, and another may come.
  void revoke();
  void set(const Settings& settings);
  // Must be called when the listener has room again.
  void resume();
  EngineInfo info() const;
  // Whether a thread is blocked in a system call on a mount that does not answer.
  bool is_stuck() const;

 private:
  std::unique_ptr<EngineLoop> loop_;
};

}  // namespace lookout
