#include "command/output_stream.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <limits>
#include <utility>

#include "command/adopt.h"
#include "command/kept_descriptors.h"

namespace lookout {
namespace {

constexpr std::size_t kTerminalBuffer = kChunkSize;  // bytes; the kernel buffers at most 12 KiB

}  // namespace

using boost::asio::posix::stream_descriptor;

OutputStream::OutputStream(boost::asio::io_context& io, UniqueFd fd, Handlers handlers)
    : handlers_(std::move(handlers)) {
  if (!fd) return;
  descriptor_ = std::make_unique<stream_descriptor>(adopt(io, std::move(fd)));
  wait_readable();
}

void OutputStream::grant(std::uint64_t bytes) {
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
  credit_ += std::min(bytes, kMax - credit_);
  step();
}

void OutputStream::no_writer_left() {
  if (!ended()) left_ = bytes_left();
  step();
}

void OutputStream::discard() {
  if (ended()) return;
  const ssize_t size = ::read(descriptor(), chunk_.data(), chunk_.size());
  if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) descriptor_.reset();
}

bool OutputStream::resize(const winsize& window) {
  return !ended() && ::ioctl(descriptor_->native_handle(), TIOCSWINSZ, &window) == 0;
}

bool OutputStream::signal_foreground(int number, pid_t but) {
  if (ended()) return false;
  const int terminal = descriptor_->native_handle();
  const pid_t group = ::tcgetpgrp(terminal);
  if (group <= 0 || group == but || (::kill(-group, 0) != 0 && errno == ESRCH)) return false;
  // TIOCSIG signals whatever group is in the foreground now, so a reused group number is never hit.
  return ::ioctl(terminal, TIOCSIG, number) == 0;
}

// With credit it reads; without credit it only checks for end of file.
void OutputStream::step() {
  if (handling_ || ended() || !handlers_.has_room()) return;
  if (credit_ > 0) {
    read_granted();
  } else {
    look_for_the_end();
  }
}

// Reads one chunk at a time, so that other streams get their turn. After no_writer_left() it reads
// everything at once, because no further event will arrive.
void OutputStream::read_granted() {
  do {
    const std::size_t most = std::min(chunk_.size(), left_.value_or(chunk_.size()));
    const auto granted = static_cast<std::size_t>(std::min<std::uint64_t>(credit_, most));
    const ssize_t size = ::read(descriptor_->native_handle(), chunk_.data(), granted);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) {
      const bool nothing_yet = size < 0 && errno == EAGAIN;
      // A terminal whose other side is closed returns EIO.
      if (!nothing_yet || left_) return end();
      break;
    }
    credit_ -= static_cast<std::uint64_t>(size);
    if (left_) *left_ -= static_cast<std::size_t>(size);
    handling_ = true;
    handlers_.bytes({chunk_.data(), static_cast<std::size_t>(size)});
    handling_ = false;
    if (ended()) return;
    if (!left_) break;
  } while (credit_ > 0 && left_.value_or(1) > 0 && handlers_.has_room());
  if (left_ && handlers_.has_room()) return look_for_the_end();
  wait_readable();
}

// Returns an upper bound. For a terminal, FIONREAD does not report all bytes.
std::size_t OutputStream::bytes_left() const {
  int bytes = 0;
  const bool is_pipe = ::fcntl(descriptor(), F_GETPIPE_SZ) > 0;
  if (is_pipe && ::ioctl(descriptor(), FIONREAD, &bytes) == 0) {
    return static_cast<std::size_t>(bytes);
  }
  return kTerminalBuffer;
}

void OutputStream::look_for_the_end() {
  if (left_ == 0) return end();
  pollfd state{descriptor_->native_handle(), POLLIN, 0};
  poll_always({&state, 1}, 0);
  if ((state.revents & POLLIN) != 0) return;  // until credit is granted
  if (left_ || (state.revents & (POLLHUP | POLLERR)) != 0) return end();
  wait_readable();
}

void OutputStream::wait_readable() {
  if (std::exchange(waiting_, true)) return;
  descriptor_->async_wait(stream_descriptor::wait_read, lifetime_.guard([this](const auto& error) {
    if (error) return;
    waiting_ = false;
    step();
  }));
}

void OutputStream::end() {
  descriptor_.reset();
  handlers_.end();
}

}  // namespace lookout
