#include "inotifywait/line_output.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <cerrno>
#include <utility>

namespace lookout::inotifywait {
namespace {

using boost::asio::posix::stream_descriptor;
using boost::system::error_code;

bool is_pipe_or_socket(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode));
}

bool has_reader(int fd) {
  pollfd output{fd, 0, 0};
  return ::poll(&output, 1, 0) <= 0;
}

}  // namespace

LineOutput::LineOutput(boost::asio::io_context& io, UniqueFd output, std::function<void()> on_room,
                       std::function<void()> on_end)
    : io_(io),
      output_(std::move(output)),
      on_room_(std::move(on_room)),
      on_end_(std::move(on_end)) {
  if (!is_pipe_or_socket(output_.get())) return;
  stream_.emplace(io, output_.release());
  stream_->non_blocking(true);
  await_end();
}

void LineOutput::await_end() {
  stream_->async_wait(stream_descriptor::wait_error, [this](const error_code& error) {
    if (error || !has_reader(stream_->native_handle())) return end();
    await_end();
  });
}

void LineOutput::write(std::string_view lines) {
  if (ended_) return;
  waiting_ += lines;
  write_some();
}

void LineOutput::write_some() {
  if (write_pending_ || ended_) return;
  while (!waiting_.empty()) {
    if (write_once()) continue;
    if (errno != EAGAIN || !stream_) {
      boost::asio::post(io_, [this] { end(); });
      return;
    }
    write_pending_ = true;
    stream_->async_wait(stream_descriptor::wait_write, [this](const error_code& /*error*/) {
      write_pending_ = false;
      write_some();
      if (waiting_.empty()) on_room_();
    });
    return;
  }
}

// Returns false, with errno, if nothing could be written.
bool LineOutput::write_once() {
  const int fd = stream_ ? stream_->native_handle() : output_.get();
  const ssize_t written = ::write(fd, waiting_.data(), waiting_.size());
  if (written < 0) return errno == EINTR;
  waiting_.erase(0, static_cast<std::size_t>(written));
  return true;
}

void LineOutput::end() {
  if (!std::exchange(ended_, true)) on_end_();
}

}  // namespace lookout::inotifywait
