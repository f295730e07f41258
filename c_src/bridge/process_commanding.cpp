#include "bridge/process_commanding.h"

#include <utility>

namespace lookout {

void ProcessCommanding::spawn(const LaunchSpec& spec, SpawnHandler done) {
  command_.spawn(spec, std::move(done));
}

Result<Done> ProcessCommanding::write(std::string_view bytes) {
  return command_.write(bytes);
}

Result<Done> ProcessCommanding::close_input() {
  return command_.close_input();
}

void ProcessCommanding::signal(int number, DoneHandler done) {
  command_.signal(number, std::move(done));
}

void ProcessCommanding::stop(std::chrono::milliseconds grace, DoneHandler done) {
  command_.stop(grace, std::move(done));
}

Result<Done> ProcessCommanding::resize(WindowSize size) {
  return command_.resize(size);
}

Result<CommandStats> ProcessCommanding::stats() {
  return command_.stats();
}

void ProcessCommanding::grant(OutputStreamName stream, std::uint64_t bytes) {
  command_.grant(stream, bytes);
}

void ProcessCommanding::resume() {
  command_.resume();
}

void ProcessCommanding::on_output(OutputStreamName stream, std::string_view bytes) {
  outbox_.send(CommandOutput{stream, bytes});
}

void ProcessCommanding::on_input_taken(std::size_t bytes) {
  outbox_.send(InputTaken{bytes});
}

void ProcessCommanding::on_input_broken() {
  outbox_.send(InputBroken{});
}

void ProcessCommanding::on_exit(const CommandEnd& end) {
  outbox_.send(CommandExit{end.status, end.killed});
}

}  // namespace lookout
