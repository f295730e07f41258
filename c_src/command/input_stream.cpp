#include "command/input_stream.h"

#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "command/adopt.h"

namespace lookout {

using boost::asio::posix::stream_descriptor;

namespace {
constexpr char kEndOfFile = '\x04';  // default VEOF of a terminal

bool ends_line(char last) {
  return last == '\n' || last == '\r' || last == kEndOfFile;
}
}  // namespace

InputStream::InputStream(boost::asio::io_context& io, UniqueFd fd, Ending ending, Handlers handlers)
    : ending_(ending), handlers_(std::move(handlers)) {
  if (fd) descriptor_ = std::make_unique<stream_descriptor>(adopt(io, std::move(fd)));
}

void InputStream::write(std::string_view bytes) {
  queue_.append(bytes);
  if (!bytes.empty()) in_line_ = !ends_line(bytes.back());
  wait_writable();
}

void InputStream::close() {
  if (!open()) return;
  // Within a line, the first VEOF only delivers the line so far (termios(3), VEOF).
  if (ending_ == Ending::terminal) queue_.append(std::string(in_line_ ? 2 : 1, kEndOfFile));
  closing_ = true;
  wait_writable();
}

void InputStream::drop() {
  descriptor_.reset();
  queue_.clear();
}

void InputStream::step() {
  if (waiting() > 0) {
    const ssize_t size = ::write(descriptor_->native_handle(), queue_.waiting().data(), waiting());
    if (size < 0) {
      if (errno == EAGAIN || errno == EINTR) return wait_writable();
      return on_broken();
    }
    queue_.take(static_cast<std::size_t>(size));
    handlers_.written(static_cast<std::size_t>(size));
  }
  if (waiting() > 0) return wait_writable();
  // A terminal stays open: it is also read from and may be resized.
  if (closing_ && ending_ == Ending::close) descriptor_.reset();
}

void InputStream::wait_writable() {
  if (std::exchange(wait_pending_, true)) return;
  descriptor_->async_wait(stream_descriptor::wait_write, lifetime_.guard([this](const auto& error) {
    if (error) return;
    wait_pending_ = false;
    step();
  }));
}

void InputStream::on_broken() {
  drop();
  handlers_.broken();
}

}  // namespace lookout
