// The engine as the session sees it. It has its own file, because linking it requires the engine.
// serve() in main.cpp or NodeSession owns it; Session calls it, in a node through
// RestrictedWatching.
#pragma once

#include <boost/asio/io_context.hpp>
#include <optional>

#include "bridge/watching.h"
#include "support/error.h"
#include "watch/engine.h"

namespace lookout {

// The first request that needs an engine creates it: a lookout_port that only runs a command uses
// no inotify instance of the user. If the engine cannot be created, the request gets the reason.
class EngineWatching : public Watching {
 public:
  EngineWatching(boost::asio::io_context& io, Listener& listener) : io_(io), listener_(listener) {}

  void watch(const std::vector<std::string>& paths, const WatchOptions& options,
             Engine::DoneHandler done) override;
  void watch_from(const std::vector<std::string>& paths, const WatchOptions& options,
                  const CursorStart& from, Engine::SeqHandler done) override;
  void save(const std::string& name, Engine::SeqHandler done) override;
  void unwatch(const std::string& path, Engine::DoneHandler done) override;
  void sync(Engine::SeqHandler done) override;
  void list(std::optional<std::string> under, bool with_stat, Engine::ChunkHandler chunk,
            Engine::SeqHandler done) override;
  void grant(std::uint64_t batches) override;
  void set(const Settings& settings) override;
  void resume() override;
  Result<EngineInfo> info() override;
  // Takes back all credit that is left.
  void revoke();
  bool is_stuck() const { return engine_ && engine_->is_stuck(); }

 private:
  // Creates the engine if there is none. Returns the error on failure.
  std::optional<Error> start();

  boost::asio::io_context& io_;
  Listener& listener_;
  std::optional<Engine> engine_;
};

}  // namespace lookout
