#include "bridge/engine_watching.h"

#include <utility>

namespace lookout {

void EngineWatching::watch(const std::vector<std::string>& paths, WatchOptions options,
                           Engine::DoneHandler done) {
  engine_.watch(paths, options, std::move(done));
}

void EngineWatching::unwatch(const std::string& path, Engine::DoneHandler done) {
  engine_.unwatch(path, std::move(done));
}

void EngineWatching::sync(Engine::SeqHandler done) {
  engine_.sync(std::move(done));
}

void EngineWatching::list(std::optional<std::string> under, bool with_stat,
                          Engine::ChunkHandler chunk, Engine::SeqHandler done) {
  engine_.list(std::move(under), with_stat, std::move(chunk), std::move(done));
}

void EngineWatching::grant(std::uint64_t batches) {
  engine_.grant(batches);
}

void EngineWatching::set_settle(std::uint32_t milliseconds) {
  engine_.set_settle(milliseconds);
}

void EngineWatching::set_poll_interval(std::uint32_t milliseconds) {
  engine_.set_poll_interval(milliseconds);
}

void EngineWatching::resume() {
  engine_.resume();
}

EngineInfo EngineWatching::info() const {
  return engine_.info();
}

}  // namespace lookout
