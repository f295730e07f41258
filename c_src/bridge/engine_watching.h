// The engine as the session sees it. A file of its own: whoever links it needs the engine.
#pragma once

#include <boost/asio/io_context.hpp>

#include "bridge/watching.h"
#include "watch/engine.h"

namespace lookout {

class EngineWatching : public Watching {
 public:
  // Throws what the engine throws: std::system_error where no inotify instance can be had.
  EngineWatching(boost::asio::io_context& io, Listener& listener) : engine_(io, listener) {}

  void watch(const std::vector<std::string>& paths, WatchOptions options,
             Engine::DoneHandler done) override;
  void unwatch(const std::string& path, Engine::DoneHandler done) override;
  void sync(Engine::SeqHandler done) override;
  void list(std::optional<std::string> under, bool with_stat, Engine::ChunkHandler chunk,
            Engine::SeqHandler done) override;
  void grant(std::uint64_t batches) override;
  void set_settle(std::uint32_t milliseconds) override;
  void set_poll_interval(std::uint32_t milliseconds) override;
  void resume() override;
  EngineInfo info() const override;

 private:
  Engine engine_;
};

}  // namespace lookout
