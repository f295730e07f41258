// The requests of the engine's users, and what it reports about itself.
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <fstream>
#include <utility>

#include "watch/engine_loop.h"
#include "watch/list_reader.h"
#include "watch/reconcile/retries.h"

namespace lookout {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;

// The number of rounds after which a sync is answered under steady changes: one to finish the
// current round, one for the events that the kernel had queued, and the others for the entries that
// these two put off.
constexpr std::uint64_t kSyncRounds = 6;

std::uint64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  statm >> size >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

void EngineLoop::watch(const std::vector<std::string>& paths, const WatchOptions& options,
                       DoneHandler done) {
  if (cursor_.loads()) {
    Error error{"eagain", "watch", "", "a snapshot is being loaded; watch when that is answered"};
    asio::post(io_, [done = std::move(done), error] { done(error); });
    return;
  }
  sources_.mounts.take();  // read changes of the mount table before the paths are listed
  auto prepared = model_.roots.prepare(paths, options, {},
                                       [this](const Root& root) { return cursor_.refusal(root); });
  if (Error* error = std::get_if<Error>(&prepared)) {
    asio::post(io_, [done = std::move(done), failed = std::move(*error)] { done(failed); });
    return;
  }
  model_.roots.begin(std::get<RootManager::Prepared>(prepared));
  requests_.starts.push_back(std::move(done));
  schedule();
}

void EngineLoop::watch_from(const std::vector<std::string>& paths, const WatchOptions& options,
                            const CursorStart& start, SeqHandler done) {
  sources_.mounts.take();
  auto resumed = [this, done = std::move(done)](Result<std::uint64_t> result) {
    if (const auto* error = std::get_if<Error>(&result)) return done(*error);
    const std::uint64_t seq = std::get<std::uint64_t>(result);
    batcher_.continue_after(seq);
    requests_.starts.emplace_back([done, seq](const Result<Done>& /*live*/) { done(seq); });
  };
  cursor_.watch_from(paths, options, start, std::move(resumed));
  schedule();
}

void EngineLoop::save(const std::string& name, SeqHandler done) {
  cursor_.save(name, model_.reconciler.round() + kSyncRounds, std::move(done));
  schedule();
}

void EngineLoop::unwatch(const std::string& path, DoneHandler done) {
  Result<Done> outcome = Done{};
  if (!model_.roots.remove(path)) {
    outcome = Error{"not_watched", "unwatch", path, "this path is not watched"};
  }
  schedule();
  asio::post(io_, [done = std::move(done), outcome] { done(outcome); });
}

void EngineLoop::sync(SeqHandler done) {
  observe();
  model_.remotes.forget_answers();
  model_.reconciler.poll(kAllFailures);
  model_.reconciler.retry();
  model_.roots.checks().add_unwatched();
  // The kernel queues IN_CLOSE_WRITE a moment before the file has one writer less: check again.
  model_.reconciler.check_waiting_files();
  requests_.syncs.add(model_.reconciler.round() + kSyncRounds, model_.roots.checks().last(),
                      std::move(done));
  schedule();
}

void EngineLoop::list(std::optional<std::string> under, bool with_stat, Engine::ChunkHandler chunk,
                      SeqHandler done) {
  ListReader reader(model_.tree, model_.roots.roots(), model_.reconciler, with_stat);
  requests_.listings.add(std::move(reader), std::move(under), std::move(chunk), std::move(done));
  schedule();
}

void EngineLoop::grant(std::uint64_t batches) {
  batcher_.grant(batches);
  schedule();
}

void EngineLoop::set(const Settings& settings) {
  if (settings.changes) batcher_.want(*settings.changes);
  if (settings.settle) timers_.settle.set(milliseconds(*settings.settle));
  if (settings.max_settle) timers_.settle.set_longest(milliseconds(*settings.max_settle));
  if (settings.poll_interval) timers_.wakeups.poll_every(milliseconds(*settings.poll_interval));
  schedule();  // changes that wait for the former settle time may be due
}

bool EngineLoop::is_stuck() const {
  return model_.remotes.wait() || cursor_.is_stuck();
}

EngineInfo EngineLoop::info() const {
  const Reconciler& reconciler = model_.reconciler;
  EngineInfo info;
  info.directories = model_.tree.directories();
  info.files = model_.tree.others();
  info.watches = model_.tree.watches() + reconciler.file_watches();
  info.polled = reconciler.polled();
  info.batches = batcher_.seq();
  info.events = batcher_.events();
  info.overflows = overflows_.count;
  info.rescans = reconciler.hints().rescans();
  info.dirty = reconciler.dirty();
  info.held = reconciler.waiting_files();
  info.credit = batcher_.credit();
  info.entry_checks = reconciler.checks();
  info.root_checks = model_.roots.checks().last();
  info.memory = resident_bytes();
  for (const Roots::Pointer& root : model_.roots.roots().all()) {
    if (!root->removed && !root->is_base) info.roots.emplace_back(root->path, source_of(*root));
  }
  return info;
}

std::string EngineLoop::source_of(const Root& root) const {
  const NodeId node = model_.roots.directory_of(root);
  if (node == kNoNode) return {};
  if (root.options.backend == Backend::fswatch && sources_.fswatch.running()) return "fswatch";
  const int watch = model_.tree.watch(node);
  return watch != kNoWatch ? std::string(model_.source->name(watch)) : "poll";
}

}  // namespace lookout
