// Runs the program fswatch as a child process and has each path that it prints checked. Roots with
// this backend are polled as well, since fswatch misses changes and does not report when it has
// started to watch.
//
// EngineLoop owns it, and calls follow() at the end of a slice that has left no work.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "command/command.h"
#include "support/error.h"
#include "watch/sources/alarm.h"

namespace lookout {

class Fswatch : private CommandListener {
 public:
  struct WatchedPath {
    std::string path;     // absolute, without symbolic links in it
    std::uint64_t inode;  // of the directory there; if it changes, fswatch is restarted
    bool operator==(const WatchedPath&) const = default;
  };

  // Calls `printed` from the loop with each path that fswatch prints, and `ended` when fswatch has
  // exited or cannot be started, from the loop or within follow(). `ended` is not called again
  // until fswatch has printed something. fswatch is restarted every second until it runs.
  Fswatch(boost::asio::io_context& io, std::function<void(const std::string&)> printed,
          std::function<void()> ended);

  // The error to report if PATH has no program fswatch; nullopt if it has one.
  static std::optional<Error> missing();

  // Has fswatch watch exactly these directories; without any it is stopped.
  void follow(std::vector<WatchedPath> places);
  bool running() const { return state_ == State::running; }

 private:
  enum class State : std::uint8_t { ended, starting, running, ending };

  void start();
  void end();
  void failed();
  void on_output(OutputStreamName stream, std::string_view bytes) override;
  void on_input_taken(std::size_t /*bytes*/) override {}
  void on_input_broken() override {}
  void on_exit(const CommandEnd& end) override;
  bool has_room() const override { return true; }

  std::function<void(const std::string&)> printed_;
  std::function<void()> ended_;
  bool end_told_ = false;
  State state_ = State::ended;
  std::vector<WatchedPath> wanted_;
  std::vector<WatchedPath> followed_;
  std::string line_;  // the incomplete path at the end of the output so far
  Command command_;
  Alarm again_;
};

}  // namespace lookout
