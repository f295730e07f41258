// An engine that does nothing by itself: it keeps what it was asked, and the test answers.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bridge/watching.h"

namespace lookout {

class FakeWatching : public Watching {
 public:
  struct WatchCall {
    std::vector<std::string> paths;
    WatchOptions options;
    Engine::DoneHandler done;
  };
  struct WatchFromCall {
    std::vector<std::string> paths;
    WatchOptions options;
    CursorStart start;
    Engine::SeqHandler done;
  };
  struct SaveCall {
    std::string name;
    Engine::SeqHandler done;
  };
  struct UnwatchCall {
    std::string path;
    Engine::DoneHandler done;
  };
  struct ListCall {
    std::optional<std::string> under;
    bool with_stat;
    Engine::ChunkHandler chunk;
    Engine::SeqHandler done;
  };

  void watch(const std::vector<std::string>& paths, const WatchOptions& options,
             Engine::DoneHandler done) override {
    watches.push_back({paths, options, std::move(done)});
  }
  void watch_from(const std::vector<std::string>& paths, const WatchOptions& options,
                  const CursorStart& start, Engine::SeqHandler done) override {
    watches_from.push_back({paths, options, start, std::move(done)});
  }
  void save(const std::string& name, Engine::SeqHandler done) override {
    saves.push_back({name, std::move(done)});
  }
  void unwatch(const std::string& path, Engine::DoneHandler done) override {
    unwatches.push_back({path, std::move(done)});
  }
  void sync(Engine::SeqHandler done) override { syncs.push_back(std::move(done)); }
  void list(std::optional<std::string> under, bool with_stat, Engine::ChunkHandler chunk,
            Engine::SeqHandler done) override {
    lists.push_back({std::move(under), with_stat, std::move(chunk), std::move(done)});
  }
  void grant(std::uint64_t batches) override { grants.push_back(batches); }
  void set(const Settings& given) override { settings.push_back(given); }
  void resume() override { ++resumes; }
  Result<EngineInfo> info() override { return told_info; }

  std::vector<WatchCall> watches;
  std::vector<WatchFromCall> watches_from;
  std::vector<SaveCall> saves;
  std::vector<UnwatchCall> unwatches;
  std::vector<Engine::SeqHandler> syncs;
  std::vector<ListCall> lists;
  std::vector<std::uint64_t> grants;
  std::vector<Settings> settings;
  int resumes = 0;
  EngineInfo told_info;
};

}  // namespace lookout
