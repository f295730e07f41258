// What the session asks of the watch engine, with the engine's own contract (watch/engine.h), so
// that the session can be tested without one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "watch/engine.h"

namespace lookout {

class Watching {
 public:
  virtual ~Watching() = default;
  virtual void watch(const std::vector<std::string>& paths, const WatchOptions& options,
                     Engine::DoneHandler done) = 0;
  virtual void unwatch(const std::string& path, Engine::DoneHandler done) = 0;
  virtual void sync(Engine::SeqHandler done) = 0;
  virtual void list(std::optional<std::string> under, bool with_stat, Engine::ChunkHandler chunk,
                    Engine::SeqHandler done) = 0;
  virtual void grant(std::uint64_t batches) = 0;
  virtual void set(const Settings& settings) = 0;
  virtual void resume() = 0;
  virtual EngineInfo info() = 0;
};

}  // namespace lookout
