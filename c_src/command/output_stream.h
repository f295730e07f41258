// One stream that a command writes, read by credit.
#pragma once

#include <sys/ioctl.h>
#include <sys/types.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "support/unique_fd.h"

namespace lookout {

inline constexpr std::size_t kChunkSize = std::size_t{64} * 1024;  // bytes, the most in one piece

// Reads no more than was granted; the rest waits in the pipe, and with the pipe full the writer
// waits. The end of the stream takes no credit, but comes after all that stands before it.
class OutputStream {
 public:
  struct Handlers {
    std::function<void(std::string_view)> bytes;
    std::function<void()> end;
    std::function<bool()> has_room;  // false: pause until resume()
  };

  // `fd` must not block; an empty one is a stream that has ended. Handlers are called from the
  // loop. Throws as adopt() does.
  OutputStream(boost::asio::io_context& io, UniqueFd fd, Handlers handlers);
  OutputStream(const OutputStream&) = delete;
  OutputStream& operator=(const OutputStream&) = delete;

  void grant(std::uint64_t bytes);
  void resume() { step(); }

  // No process of the command is left: what is in the pipe now is the last, whoever else may hold
  // it open and write.
  void no_writer_left();

  bool ended() const { return !descriptor_; }

  // For the end, without the loop: what can be read now, at most a chunk of it, is dropped.
  void discard();
  int descriptor() const { return descriptor_ ? descriptor_->native_handle() : -1; }

  // Sets the window of a terminal; false where this is none, or has ended.
  bool resize(const winsize& window);
  // Sends a signal of a key of the terminal to its foreground process group; false where that is
  // the group `but`, or where there is none.
  bool signal_foreground(int number, pid_t but);

 private:
  void step();
  void read_granted();
  void look_for_the_end();
  std::size_t bytes_left() const;
  void wait_readable();
  void end();

  std::unique_ptr<boost::asio::posix::stream_descriptor> descriptor_;
  Handlers handlers_;
  std::array<char, kChunkSize> chunk_;  // not cleared: most commands say little
  std::uint64_t credit_ = 0;
  bool waiting_ = false;             // for the descriptor to be readable
  std::optional<std::size_t> left_;  // bytes to come, at most, after no_writer_left()
};

}  // namespace lookout
