// The interface of a command for the session, with the contract of command/command.h. Tests of the
// session implement it without processes. Session calls it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string_view>

#include "command/launch_spec.h"
#include "command/usage.h"
#include "support/error.h"

namespace lookout {

class Commanding {
 public:
  // As in command.h: called from the loop, or within the call.
  using SpawnHandler = std::function<void(Result<std::uint64_t>)>;
  using DoneHandler = std::function<void(Result<Done>)>;

  virtual ~Commanding() = default;
  virtual void spawn(const LaunchSpec& spec, SpawnHandler done) = 0;
  virtual Result<Done> write(std::string_view bytes) = 0;
  virtual Result<Done> close_input() = 0;
  virtual void signal(int number, DoneHandler done) = 0;
  virtual void stop(std::chrono::milliseconds grace, DoneHandler done) = 0;
  virtual Result<Done> resize(WindowSize size) = 0;
  virtual Result<CommandStats> stats() = 0;
  virtual void grant(OutputStreamName stream, std::uint64_t bytes) = 0;
  virtual void resume() = 0;
};

}  // namespace lookout
