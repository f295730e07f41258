// What a session over Erlang distribution may do: the requests that run programs are refused unless
// the node was started with --commands. NodeSession owns both classes; Session calls them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bridge/commanding.h"
#include "bridge/engine_watching.h"

namespace lookout {

// Whether a payload is one of the requests that concern a command (`spawn`, `stdin`, `read`, ...).
bool is_command_request(std::string_view payload);
// Whether it is the request `ping` of Lookout's protocol, which is answered with `pong`.
bool is_ping_request(std::string_view payload);

// Passes everything on to the engine but cursors, which write files on the node's host, and, where
// commands are off, `backend: :fswatch`.
class RestrictedWatching : public Watching {
 public:
  RestrictedWatching(EngineWatching& engine, bool commands)
      : engine_(engine), commands_(commands) {}

  void watch(const std::vector<std::string>& paths, const WatchOptions& options,
             Engine::DoneHandler done) override;
  void watch_from(const std::vector<std::string>& paths, const WatchOptions& options,
                  const CursorStart& start, Engine::SeqHandler done) override;
  void save(const std::string& name, Engine::SeqHandler done) override;
  void unwatch(const std::string& path, Engine::DoneHandler done) override {
    engine_.unwatch(path, std::move(done));
  }
  void sync(Engine::SeqHandler done) override { engine_.sync(std::move(done)); }
  void list(std::optional<std::string> under, bool with_stat, Engine::ChunkHandler chunk,
            Engine::SeqHandler done) override {
    engine_.list(std::move(under), with_stat, std::move(chunk), std::move(done));
  }
  void grant(std::uint64_t batches) override { engine_.grant(batches); }
  void set(const Settings& settings) override { engine_.set(settings); }
  void resume() override { engine_.resume(); }
  Result<EngineInfo> info() override { return engine_.info(); }

 private:
  EngineWatching& engine_;
  bool commands_;
};

// Refuses to spawn, for the reason given, and has no command for any other request.
class RefusedCommanding : public Commanding {
 public:
  explicit RefusedCommanding(std::string detail) : detail_(std::move(detail)) {}

  void spawn(const LaunchSpec& spec, SpawnHandler done) override;
  Result<Done> write(std::string_view bytes) override;
  Result<Done> close_input() override;
  void signal(int number, DoneHandler done) override;
  void stop(std::chrono::milliseconds grace, DoneHandler done) override;
  Result<Done> resize(WindowSize size) override;
  Result<CommandStats> stats() override;
  void grant(OutputStreamName /*stream*/, std::uint64_t /*bytes*/) override {}
  void resume() override {}

 private:
  Error none(const char* operation) const;

  std::string detail_;
};

}  // namespace lookout
