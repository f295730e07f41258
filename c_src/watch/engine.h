// The watching half of the port program: directories in, changes out.
//
// One Asio loop, on one thread, to which the tree belongs. Work is done in slices of a few
// milliseconds, so whatever else the loop serves is never kept waiting. Nothing is reported without
// credit: until some is granted the kernel's queue is drained into a bounded dirty set and changes
// are merged there.
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
#include "watch/entry.h"
#include "watch/watch_options.h"

namespace lookout {

// Where the engine's words go. Called from the loop, never from inside a call to the engine.
class Listener {
 public:
  virtual ~Listener() = default;
  // A batch: never empty; seq starts at 1 and grows by 1 with every batch. Costs one credit.
  virtual void on_events(std::uint64_t seq, const std::vector<Event>& events) = 0;
  // In its place between the batches; costs no credit.
  virtual void on_notice(Notice notice) = 0;
  // False while so much output waits that nothing more should be told; Engine::resume() follows.
  virtual bool has_room() const = 0;
};

struct EngineInfo {
  std::uint64_t directories = 0;
  std::uint64_t files = 0;    // every entry that is not a directory
  std::uint64_t watches = 0;  // of directories, and of files that are mount points
  std::uint64_t polled = 0;   // directories, and files that are mount points, that are polled
  std::uint64_t batches = 0;
  std::uint64_t events = 0;
  std::uint64_t overflows = 0;
  std::uint64_t rescans = 0;
  std::uint64_t dirty = 0;              // entries and directories that wait to be looked at
  std::uint64_t held = 0;               // files whose events wait for their writers
  std::optional<std::uint64_t> credit;  // batches; nullopt is unlimited
  std::uint64_t entry_checks = 0;       // how often one entry was compared with the disk
  std::uint64_t root_checks = 0;        // how often a root was compared with what is at its path
  std::uint64_t memory = 0;             // resident bytes of the program
  // The source of hints of each root's own directory; empty where nothing stands at its path.
  std::vector<std::pair<std::string, std::string>> roots;
};

// What holds for all that is watched; what is not given stays as it is.
struct Settings {
  // Which are told; at the start all. Without some of them the stream cannot be replayed.
  std::optional<ChangeSet> changes = {};
  // Milliseconds of quiet before changes are reported; 0, as at the start, reports at once.
  std::optional<std::uint32_t> settle = {};
  // Milliseconds that a change waits for that quiet at most; at the start 20 times `settle`.
  std::optional<std::uint32_t> max_settle = {};
  // Milliseconds between two looks at a directory that is polled; 1,000 at the start.
  std::optional<std::uint32_t> poll_interval = {};

  bool operator==(const Settings&) const = default;
};

class Engine {
 public:
  static constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();

  using DoneHandler = std::function<void(Result<Done>)>;
  using SeqHandler = std::function<void(Result<std::uint64_t>)>;
  using ChunkHandler = std::function<void(std::vector<Entry>)>;

  // Throws std::system_error where no source of hints can be had.
  Engine(boost::asio::io_context& io, Listener& listener);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Watches directories and single files, all of them or, on an error, none. `done` is called
  // when every watch is live and the tree below is known.
  void watch(const std::vector<std::string>& paths, const WatchOptions& options, DoneHandler done);
  // Ends the watching of a path as it was given to `watch`; its entries are told as deleted.
  void unwatch(const std::string& path, DoneHandler done);
  // Calls `done` with the number of the last batch, once all that was changed before this call
  // has been reported.
  void sync(SeqHandler done);
  // Tells the tree as it has been told so far, parents first, in chunks, then the number of the
  // last batch. `under` limits it to what is below that directory.
  void list(std::optional<std::string> under, bool with_stat, ChunkHandler chunk, SeqHandler done);
  // Allows `batches` more batches; kUnlimited lifts the limit.
  void grant(std::uint64_t batches);
  void set(const Settings& settings);
  // The listener has room again.
  void resume();
  EngineInfo info() const;
  // Whether a system call is under way on a mount that does not answer: a thread is in it.
  bool is_stuck() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace lookout
