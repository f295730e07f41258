#include "bridge/port_transport.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <utility>
#include <variant>

#include "support/error.h"

namespace lookout {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

}  // namespace

PortTransport::PortTransport(asio::io_context& io, UniqueFd input, UniqueFd output,
                             EndHandler ended, PortLimits limits)
    : io_(io),
      input_(io, input.release()),
      output_(io, output.release()),
      flush_timer_(io),
      limits_(limits),
      ended_(std::move(ended)),
      queue_(io, output_, limits.room,
             {[this] { on_written(); },
              [this] {
                if (receiver_ != nullptr && !finishing_) receiver_->on_room();
              },
              [this](const error_code& error) { on_output_error(error); }}) {
  output_.non_blocking(true);
}

void PortTransport::start(Receiver& receiver) {
  receiver_ = &receiver;
  read();
}

void PortTransport::read() {
  input_.async_read_some(asio::buffer(chunk_), [this](const error_code& error, std::size_t size) {
    if (finishing_) return;
    if (error) return on_input_end(error);
    on_chunk(std::string_view(chunk_.data(), size));
    if (!finishing_) read();
  });
}

void PortTransport::on_chunk(std::string_view chunk) {
  while (!finishing_) {
    const auto outcome = frames_.next(chunk);
    if (std::holds_alternative<NeedMore>(outcome)) return;
    if (const auto* error = std::get_if<Error>(&outcome)) return break_stream(*error);
    receiver_->on_payload(std::get<Frame>(outcome).payload);
  }
}

void PortTransport::on_input_end(const error_code& error) {
  if (error != asio::error::eof && error != asio::error::connection_reset) {
    return break_stream(errno_error(error.value(), "read", ""));
  }
  if (const auto truncated = frames_.at_end()) return break_stream(*truncated);
  finish(StreamEnd::closed);
}

void PortTransport::break_stream(const Error& error) {
  receiver_->on_broken(error);
  finish(StreamEnd::broken);
}

void PortTransport::send(std::string_view payload) {
  if (finishing_) return;
  const auto header = frame_header(static_cast<std::uint32_t>(payload.size()));
  queue_.add({{header.data(), header.size()}, payload});
  if (queue_.backlog() > limits_.backlog) finish(StreamEnd::stalled);
}

void PortTransport::on_written() {
  if (finishing_ && !queue_.is_pending()) end_now();
}

// Drops the remaining output. A broken pipe means that the peer has closed the stream.
void PortTransport::on_output_error(const error_code& error) {
  const bool closed = error == asio::error::broken_pipe || error == asio::error::connection_reset;
  if (!finishing_) end_ = closed ? StreamEnd::closed : StreamEnd::failed;
  finishing_ = true;
  end_now();
}

void PortTransport::finish(StreamEnd end) {
  if (finishing_) return;
  finishing_ = true;
  end_ = end;
  if (!queue_.is_pending() || end == StreamEnd::stalled) {
    asio::post(io_, [this] { end_now(); });
    return;
  }
  flush_timer_.expires_after(limits_.flush);
  flush_timer_.async_wait([this](const error_code& error) {
    if (!error) end_now();
  });
}

void PortTransport::end_now() {
  if (over_) return;
  over_ = true;
  queue_.close();
  flush_timer_.cancel();
  error_code ignored;
  input_.close(ignored);
  output_.close(ignored);
  ended_(end_);
}

}  // namespace lookout
