// The program fswatch as a source of hints: it is run as a child, and each path that it prints is a
// reason to look there. What is below such a root is polled as well, since fswatch misses changes
// and does not say when it has begun to watch.
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
#include "watch/alarm.h"

namespace lookout {

class Fswatch : private CommandListener {
 public:
  struct Place {
    std::string path;     // absolute, leads through no symbolic links
    std::uint64_t inode;  // what stands there: when it is another one, fswatch is started again
    bool operator==(const Place&) const = default;
  };

  // `printed` is called with each path, `ended` when the program has ended or cannot be started:
  // once, until it has printed something again. It is started again and again.
  Fswatch(boost::asio::io_context& io, std::function<void(const std::string&)> printed,
          std::function<void()> ended);

  // The error to tell where there is no such program.
  static std::optional<Error> missing();

  // Has it watch these directories and no others; with none it ends.
  void follow(std::vector<Place> places);
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
  std::vector<Place> wanted_;
  std::vector<Place> followed_;
  std::string line_;  // the part of a path that has come
  Command command_;
  Alarm again_;
};

}  // namespace lookout
