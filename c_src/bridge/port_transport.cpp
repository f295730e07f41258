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

// An output buffer with a larger capacity is freed after it is written.
constexpr std::size_t kKeptCapacity = std::size_t{1024} * 1024;

void clear(std::string& buffer) {
  buffer.clear();
  if (buffer.capacity() > kKeptCapacity) buffer.shrink_to_fit();
}

}  // namespace

PortTransport::PortTransport(asio::io_context& io, UniqueFd input, UniqueFd output,
                             EndHandler ended, PortLimits limits)
    : io_(io),
      input_(io, input.release()),
      output_(io, output.release()),
      flush_timer_(io),
      limits_(limits),
      ended_(std::move(ended)) {
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
  waiting_.append(header.data(), header.size());
  waiting_.append(payload);
  write();
  if (backlog() > limits_.backlog) return finish(StreamEnd::stalled);
  if (!has_room()) was_full_ = true;
}

// Writes what the output accepts now, and the rest when it accepts more.
void PortTransport::write() {
  if (write_pending_) return;
  error_code error;
  while (!error && backlog() > 0) {
    if (writing_.empty()) writing_.swap(waiting_);
    const std::size_t size = output_.write_some(asio::buffer(writing_) + written_, error);
    if (error == asio::error::interrupted) {
      error.clear();
    } else if (size == 0 && !error) {
      error = asio::error::would_block;
    }
    written_ += size;
    if (written_ < writing_.size()) continue;
    clear(writing_);
    written_ = 0;
  }
  if (!error) return;
  write_pending_ = true;
  if (error == asio::error::would_block) {
    output_.async_wait(asio::posix::stream_descriptor::wait_write,
                       [this](const error_code& failed) { on_writable(failed); });
  } else {
    asio::post(io_, [this, error] { on_writable(error); });
  }
}

void PortTransport::on_writable(const error_code& error) {
  write_pending_ = false;
  if (over_) return;
  if (error) return on_output_error(error);
  write();
  if (finishing_) {
    if (!write_pending_) end_now();
    return;
  }
  if (was_full_ && backlog() <= limits_.room / 2) {
    was_full_ = false;
    if (receiver_ != nullptr) receiver_->on_room();
  }
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
  if (!write_pending_ || end == StreamEnd::stalled) {
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
  flush_timer_.cancel();
  error_code ignored;
  input_.close(ignored);
  output_.close(ignored);
  ended_(end_);
}

}  // namespace lookout
