// {packet, 4} frames on two descriptors, driven by the loop.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "bridge/frame.h"
#include "bridge/transport.h"
#include "support/unique_fd.h"

namespace lookout {

struct PortLimits {
  std::size_t room = std::size_t{1024} * 1024;  // bytes of output that may wait with room left
  std::size_t backlog = std::size_t{64} * 1024 * 1024;  // with more, nobody can be reading
  std::chrono::milliseconds flush{500};                 // for the last words
};

// Why the stream is over.
enum class StreamEnd {
  closed,   // the other side closed an end of it
  broken,   // a frame too large or cut off, or an input that fails
  failed,   // the output cannot be written
  stalled,  // more output than PortLimits::backlog waits unread
};

class PortTransport : public Sink {
 public:
  using EndHandler = std::function<void(StreamEnd)>;

  // `ended` is called once, from the loop: when the stream is over and what waited has been
  // written, or could not be within PortLimits::flush.
  PortTransport(boost::asio::io_context& io, UniqueFd input, UniqueFd output, EndHandler ended,
                PortLimits limits = {});
  PortTransport(const PortTransport&) = delete;
  PortTransport& operator=(const PortTransport&) = delete;

  // Begins to read.
  void start(Receiver& receiver);

  // Ends the stream from this side: nothing more is read and nothing more is taken to be sent.
  void finish(StreamEnd end);

  void send(std::string_view payload) override;
  bool has_room() const override { return backlog() <= limits_.room; }

 private:
  void read();
  void on_chunk(std::string_view chunk);
  void on_input_end(const boost::system::error_code& error);
  void break_stream(const Error& error);
  void write();
  void on_writable(const boost::system::error_code& error);
  void on_output_error(const boost::system::error_code& error);
  void end_now();
  std::size_t backlog() const { return writing_.size() - written_ + waiting_.size(); }

  boost::asio::io_context& io_;
  boost::asio::posix::stream_descriptor input_;
  boost::asio::posix::stream_descriptor output_;
  boost::asio::steady_timer flush_timer_;
  PortLimits limits_;
  Receiver* receiver_ = nullptr;
  EndHandler ended_;

  FrameReader frames_;
  std::array<char, 65536> chunk_;  // not cleared: most requests are short
  std::string writing_;            // to be given to the kernel from written_ on
  std::size_t written_ = 0;
  std::string waiting_;         // frames that came meanwhile; they go in one write
  bool write_pending_ = false;  // the rest waits until the output takes more
  bool was_full_ = false;
  bool finishing_ = false;
  bool over_ = false;
  StreamEnd end_ = StreamEnd::closed;
};

}  // namespace lookout
