// What the session asks of a command, with the command's own contract (command/command.h), so that
// the session can be tested without processes.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string_view>

#include "command/launch_spec.h"
#include "support/error.h"

namespace lookout {

class Commanding {
 public:
  using SpawnHandler = std::function<void(Result<std::uint64_t>)>;

  virtual ~Commanding() = default;
  virtual void spawn(const LaunchSpec& spec, SpawnHandler done) = 0;
  virtual Result<Done> write(std::string_view bytes) = 0;
  virtual Result<Done> close_input() = 0;
  virtual Result<Done> signal(int number) = 0;
  virtual Result<Done> stop(std::chrono::milliseconds grace) = 0;
  virtual Result<Done> resize(WindowSize size) = 0;
  virtual void grant(OutputStreamName stream, std::uint64_t bytes) = 0;
  virtual void resume() = 0;
};

}  // namespace lookout
