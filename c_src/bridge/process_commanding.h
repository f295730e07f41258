// The command as the session sees it. Sends its events as messages. It has its own file, because
// linking it requires c_src/command. serve() in main.cpp owns it; Session calls it.
#pragma once

#include <boost/asio/io_context.hpp>

#include "bridge/commanding.h"
#include "bridge/outbox.h"
#include "command/command.h"

namespace lookout {

class ProcessCommanding : public Commanding, private CommandListener {
 public:
  ProcessCommanding(boost::asio::io_context& io, Outbox& outbox)
      : outbox_(outbox), command_(io, *this) {}

  void spawn(const LaunchSpec& spec, SpawnHandler done) override;
  Result<Done> write(std::string_view bytes) override;
  Result<Done> close_input() override;
  void signal(int number, DoneHandler done) override;
  void stop(std::chrono::milliseconds grace, DoneHandler done) override;
  Result<Done> resize(WindowSize size) override;
  Result<CommandStats> stats() override;
  void grant(OutputStreamName stream, std::uint64_t bytes) override;
  void resume() override;

  // For the shutdown of lookout_port: see Command::end_and_wait().
  void end_and_wait(std::chrono::milliseconds patience) { command_.end_and_wait(patience); }

 private:
  void on_output(OutputStreamName stream, std::string_view bytes) override;
  void on_input_taken(std::size_t bytes) override;
  void on_input_broken() override;
  void on_exit(const CommandEnd& end) override;
  bool has_room() const override { return outbox_.has_room(); }

  Outbox& outbox_;
  Command command_;
};

}  // namespace lookout
