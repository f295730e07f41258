// Another lookout_port, a child process that runs the command of one session as a port program runs
// it. Requests and messages are passed on as they are. So whatever happens to a command, or to the
// node, the command ends as over a port, and no command is in the way of another.
//
// NodeSession owns it, and starts it with the first request that concerns a command.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "bridge/frame.h"
#include "bridge/transport.h"
#include "bridge/write_queue.h"
#include "support/error.h"
#include "support/lifetime.h"
#include "support/unique_fd.h"

namespace lookout {

class ChildProgram {
 public:
  // Called once, from the loop: the program has ended by itself, or does not read.
  using LostHandler = std::function<void(const Error&)>;

  // Messages of the program go to `output`, which must outlive the object.
  static Result<std::unique_ptr<ChildProgram>> start(boost::asio::io_context& io, Sink& output,
                                                     LostHandler lost);
  // Closes the input of the program, which ends it and its command with the grace period.
  ~ChildProgram() = default;
  ChildProgram(const ChildProgram&) = delete;
  ChildProgram& operator=(const ChildProgram&) = delete;

  void send(std::string_view payload);
  // The output has room again after it had none.
  void on_room();

 private:
  ChildProgram(boost::asio::io_context& io, UniqueFd input, UniqueFd output, Sink& sink,
               LostHandler lost);
  void read();
  void on_readable();
  void lose(const Error& error);

  boost::asio::posix::stream_descriptor input_;
  boost::asio::posix::stream_descriptor output_;
  Sink& sink_;
  LostHandler lost_;
  FrameReader frames_;
  std::vector<char> chunk_;
  WriteQueue queue_;
  bool greeted_ = false;  // the hello of the program has come; the node has sent its own
  bool paused_ = false;
  bool is_lost_ = false;
  Lifetime lifetime_;
};

}  // namespace lookout
