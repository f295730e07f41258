// Sends and receives {packet, 4} frames on two descriptors, in the event loop. serve() in main.cpp
// owns it; Outbox sends through it.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <string_view>

#include "bridge/frame.h"
#include "bridge/transport.h"
#include "bridge/write_queue.h"
#include "support/unique_fd.h"

namespace lookout {

struct PortLimits {
  std::size_t room = std::size_t{1024} * 1024;          // has_room() up to this many waiting bytes
  std::size_t backlog = std::size_t{64} * 1024 * 1024;  // above it, the reader counts as stalled
  std::chrono::milliseconds flush{500};                 // for final messages
};

// Why the stream has ended.
enum class StreamEnd {
  closed,   // the peer closed one of the descriptors
  broken,   // the input has a frame too large or truncated, or fails
  failed,   // the output cannot be written
  stalled,  // more than PortLimits::backlog bytes of output are unread
};

class PortTransport : public Sink {
 public:
  using EndHandler = std::function<void(StreamEnd)>;

  // Calls `ended` once, from the loop: when the stream has ended and the waiting output is written
  // or PortLimits::flush has passed.
  PortTransport(boost::asio::io_context& io, UniqueFd input, UniqueFd output, EndHandler ended,
                PortLimits limits = {});
  PortTransport(const PortTransport&) = delete;
  PortTransport& operator=(const PortTransport&) = delete;

  // Starts reading.
  void start(Receiver& receiver);

  // Ends the stream from this side: reads nothing more, and send() ignores further messages.
  void finish(StreamEnd end);

  void send(std::string_view payload) override;
  bool has_room() const override { return queue_.has_room(); }

 private:
  void read();
  void on_chunk(std::string_view chunk);
  void on_input_end(const boost::system::error_code& error);
  void break_stream(const Error& error);
  void on_written();
  void on_output_error(const boost::system::error_code& error);
  void end_now();

  boost::asio::io_context& io_;
  boost::asio::posix::stream_descriptor input_;
  boost::asio::posix::stream_descriptor output_;
  boost::asio::steady_timer flush_timer_;
  PortLimits limits_;
  Receiver* receiver_ = nullptr;
  EndHandler ended_;

  FrameReader frames_;
  std::array<char, 65536> chunk_;  // not zeroed: most requests are short
  WriteQueue queue_;
  bool finishing_ = false;
  bool over_ = false;
  StreamEnd end_ = StreamEnd::closed;
};

}  // namespace lookout
