#include "bridge/write_queue.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <utility>

namespace lookout {
namespace {

namespace asio = boost::asio;

// A buffer with a larger capacity is freed after it is written.
constexpr std::size_t kKeptCapacity = std::size_t{1024} * 1024;

void clear(std::string& buffer) {
  buffer.clear();
  if (buffer.capacity() > kKeptCapacity) buffer.shrink_to_fit();
}

}  // namespace

WriteQueue::WriteQueue(asio::io_context& io, asio::posix::stream_descriptor& output,
                       std::size_t room, Handlers handlers)
    : io_(io), output_(output), room_(room), handlers_(std::move(handlers)) {}

void WriteQueue::add(std::initializer_list<std::string_view> parts) {
  if (closed_) return;
  for (const std::string_view part : parts) waiting_ += part;
  write();
  if (!has_room()) was_full_ = true;
}

void WriteQueue::write() {
  if (pending_) return;
  ErrorCode error;
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
  pending_ = true;
  const auto handler = lifetime_.guard([this](const ErrorCode& failed) { on_writable(failed); });
  if (error == asio::error::would_block) {
    output_.async_wait(asio::posix::stream_descriptor::wait_write, handler);
  } else {
    asio::post(io_, [handler, error] { handler(error); });
  }
}

void WriteQueue::on_writable(const ErrorCode& error) {
  pending_ = false;
  if (closed_) return;
  if (error) return handlers_.failed(error);
  write();
  handlers_.written();
  if (closed_ || !was_full_ || backlog() > room_ / 2) return;
  was_full_ = false;
  handlers_.room();
}

}  // namespace lookout
