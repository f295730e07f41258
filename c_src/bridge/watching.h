// The interface of the watch engine for the session, with the contract of watch/engine.h, except
// for one point: a handler may be called within the call that it was passed to, when an
// implementation refuses the request or has no engine. Tests of the session implement it without an
// engine. Session calls it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "support/error.h"
#include "watch/engine.h"

namespace lookout {

class Watching {
 public:
  virtual ~Watching() = default;
  virtual void watch(const std::vector<std::string>& paths, const WatchOptions& options,
                     Engine::DoneHandler done) = 0;
  virtual void watch_from(const std::vector<std::string>& paths, const WatchOptions& options,
                          const CursorStart& start, Engine::SeqHandler done) = 0;
  virtual void save(const std::string& name, Engine::SeqHandler done) = 0;
  virtual void unwatch(const std::string& path, Engine::DoneHandler done) = 0;
  virtual void sync(Engine::SeqHandler done) = 0;
  virtual void list(std::optional<std::string> under, bool with_stat, Engine::ChunkHandler chunk,
                    Engine::SeqHandler done) = 0;
  virtual void grant(std::uint64_t batches) = 0;
  virtual void set(const Settings& settings) = 0;
  virtual void resume() = 0;
  virtual Result<EngineInfo> info() = 0;
};

}  // namespace lookout
