// The engine as the session sees it. A file of its own: whoever links it needs the engine.
#pragma once

#include <boost/asio/io_context.hpp>
#include <optional>

#include "bridge/watching.h"
#include "support/error.h"
#include "watch/engine.h"

namespace lookout {

// The engine is made by the first request that needs one: a program that only runs a command takes
// none of the user's inotify instances. Where none can be had, the request gets the reason.
class EngineWatching : public Watching {
 public:
  EngineWatching(boost::asio::io_context& io, Listener& listener) : io_(io), listener_(listener) {}

  void watch(const std::vector<std::string>& paths, const WatchOptions& options,
             Engine::DoneHandler done) override;
  void unwatch(const std::string& path, Engine::DoneHandler done) override;
  void sync(Engine::SeqHandler done) override;
  void list(std::optional<std::string> under, bool with_stat, Engine::ChunkHandler chunk,
            Engine::SeqHandler done) override;
  void grant(std::uint64_t batches) override;
  void set(const Settings& settings) override;
  void resume() override;
  EngineInfo info() override;
  // As Engine::is_stuck().
  bool is_stuck() const { return engine_ && engine_->is_stuck(); }

 private:
  // The reason why there is no engine; nothing when there is one.
  std::optional<Error> start();

  boost::asio::io_context& io_;
  Listener& listener_;
  std::optional<Engine> engine_;
};

}  // namespace lookout
