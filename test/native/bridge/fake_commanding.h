// A command that does nothing by itself: it keeps what it was asked, and the test answers.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bridge/commanding.h"

namespace lookout {

class FakeCommanding : public Commanding {
 public:
  using Grant = std::pair<OutputStreamName, std::uint64_t>;

  void spawn(const LaunchSpec& spec, SpawnHandler done) override {
    specs.push_back(spec);
    spawned.push_back(std::move(done));
  }
  Result<Done> write(std::string_view bytes) override {
    written += bytes;
    return outcome;
  }
  Result<Done> close_input() override {
    ++closes;
    return outcome;
  }
  void signal(int number, DoneHandler done) override {
    signals.push_back(number);
    done(outcome);
  }
  void stop(std::chrono::milliseconds grace, DoneHandler done) override {
    graces.push_back(grace);
    stopped.push_back(std::move(done));
  }
  Result<Done> resize(WindowSize size) override {
    sizes.push_back(size);
    return outcome;
  }
  Result<CommandStats> stats() override { return usage; }
  void grant(OutputStreamName stream, std::uint64_t bytes) override {
    grants.emplace_back(stream, bytes);
  }
  void resume() override { ++resumes; }

  std::vector<LaunchSpec> specs;
  std::vector<SpawnHandler> spawned;
  std::string written;
  int closes = 0;
  std::vector<int> signals;
  std::vector<std::chrono::milliseconds> graces;
  std::vector<DoneHandler> stopped;
  std::vector<WindowSize> sizes;
  std::vector<Grant> grants;
  int resumes = 0;
  Result<CommandStats> usage = CommandStats{};
  Result<Done> outcome = Done{};  // of what is answered at once
};

}  // namespace lookout
