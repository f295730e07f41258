#include "watch/engine.h"

#include <utility>

#include "watch/engine_loop.h"

namespace lookout {

Engine::Engine(boost::asio::io_context& io, Listener& listener)
    : loop_(std::make_unique<EngineLoop>(io, listener)) {}
Engine::~Engine() = default;

void Engine::watch(const std::vector<std::string>& paths, const WatchOptions& options,
                   DoneHandler done) {
  loop_->watch(paths, options, std::move(done));
}
void Engine::watch_from(const std::vector<std::string>& paths, const WatchOptions& options,
                        const CursorStart& start, SeqHandler done) {
  loop_->watch_from(paths, options, start, std::move(done));
}
void Engine::save(const std::string& name, SeqHandler done) {
  loop_->save(name, std::move(done));
}
void Engine::unwatch(const std::string& path, DoneHandler done) {
  loop_->unwatch(path, std::move(done));
}
void Engine::sync(SeqHandler done) {
  loop_->sync(std::move(done));
}
void Engine::list(std::optional<std::string> under, bool with_stat, ChunkHandler chunk,
                  SeqHandler done) {
  loop_->list(std::move(under), with_stat, std::move(chunk), std::move(done));
}
void Engine::grant(std::uint64_t batches) {
  loop_->grant(batches);
}
void Engine::revoke() {
  loop_->revoke();
}
void Engine::set(const Settings& settings) {
  loop_->set(settings);
}
void Engine::resume() {
  loop_->resume();
}
EngineInfo Engine::info() const {
  return loop_->info();
}
bool Engine::is_stuck() const {
  return loop_->is_stuck();
}

}  // namespace lookout
