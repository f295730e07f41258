#include "bridge/engine_watching.h"

#include <boost/system/system_error.hpp>
#include <system_error>
#include <utility>

namespace lookout {

std::optional<Error> EngineWatching::start() {
  if (engine_) return std::nullopt;
  try {
    engine_.emplace(io_, listener_);
    return std::nullopt;
  } catch (const std::system_error& error) {
    return errno_error(error.code().value(), "inotify_init", "");
  } catch (const boost::system::system_error& error) {
    return errno_error(error.code().value(), "epoll_ctl", "");
  }
}

void EngineWatching::watch(const std::vector<std::string>& paths, const WatchOptions& options,
                           Engine::DoneHandler done) {
  if (auto error = start()) return done(std::move(*error));
  engine_->watch(paths, options, std::move(done));
}

void EngineWatching::watch_from(const std::vector<std::string>& paths, const WatchOptions& options,
                                const CursorStart& from, Engine::SeqHandler done) {
  if (auto error = start()) return done(std::move(*error));
  engine_->watch_from(paths, options, from, std::move(done));
}

void EngineWatching::save(const std::string& name, Engine::SeqHandler done) {
  if (auto error = start()) return done(std::move(*error));
  engine_->save(name, std::move(done));
}

void EngineWatching::unwatch(const std::string& path, Engine::DoneHandler done) {
  if (auto error = start()) return done(std::move(*error));
  engine_->unwatch(path, std::move(done));
}

void EngineWatching::sync(Engine::SeqHandler done) {
  if (auto error = start()) return done(std::move(*error));
  engine_->sync(std::move(done));
}

void EngineWatching::list(std::optional<std::string> under, bool with_stat,
                          Engine::ChunkHandler chunk, Engine::SeqHandler done) {
  if (auto error = start()) return done(std::move(*error));
  engine_->list(std::move(under), with_stat, std::move(chunk), std::move(done));
}

// grant() and set() have no reply. A request that needs the engine gets the error instead.
void EngineWatching::grant(std::uint64_t batches) {
  if (!start()) engine_->grant(batches);
}

void EngineWatching::revoke() {
  if (engine_) engine_->revoke();
}

void EngineWatching::set(const Settings& settings) {
  if (!start()) engine_->set(settings);
}

void EngineWatching::resume() {
  if (engine_) engine_->resume();
}

Result<EngineInfo> EngineWatching::info() {
  if (auto error = start()) return std::move(*error);
  return engine_->info();
}

}  // namespace lookout
