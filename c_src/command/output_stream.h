// A stream that a command writes to. It is read by credit. Command::Running owns two of them;
// Command calls them.
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

#include "support/lifetime.h"
#include "support/unique_fd.h"

namespace lookout {

inline constexpr std::size_t kChunkSize = std::size_t{64} * 1024;  // the most bytes in one chunk

// Reads no more bytes than granted. The rest stays in the pipe; when the pipe is full, the writer
// blocks. End of file needs no credit, but is reported only after all bytes before it.
class OutputStream {
 public:
  struct Handlers {
    std::function<void(std::string_view)> bytes;
    std::function<void()> end;
    std::function<bool()> has_room;  // false: pause until resume()
  };

  // `fd` must be non-blocking; an empty `fd` makes an ended stream. Handlers are called from the
  // event loop, and within grant(), resume() and no_writer_left(). Within a handler these three
  // have their effect after it returns: one chunk is handled before the next is read. A handler
  // must not destroy the stream. Every error of a read counts as the end of the stream; `end` is
  // not called for an empty `fd`, nor after discard(). Throws as adopt() does.
  OutputStream(boost::asio::io_context& io, UniqueFd fd, Handlers handlers);
  OutputStream(const OutputStream&) = delete;
  OutputStream& operator=(const OutputStream&) = delete;

  void grant(std::uint64_t bytes);
  void resume() { step(); }

  // Call it when no process of the command is left. The bytes in the pipe now are the last ones,
  // even if another process holds the pipe open and writes to it.
  void no_writer_left();

  bool ended() const { return !descriptor_; }

  // Drops the bytes that can be read now, at most one chunk. For shutdown, outside of the loop.
  void discard();
  int descriptor() const { return descriptor_ ? descriptor_->native_handle() : -1; }

  // Sets the window size of a terminal; false if this is no terminal, or has ended.
  bool resize(const winsize& window);
  // Sends the signal of a terminal key to the foreground process group of the terminal. Returns
  // false if that is the group `but`, or if there is none.
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
  std::array<char, kChunkSize> chunk_;  // not zeroed: most commands write little
  std::uint64_t credit_ = 0;
  bool handling_ = false;            // within handlers_.bytes
  bool waiting_ = false;             // a wait for the descriptor to become readable is pending
  std::optional<std::size_t> left_;  // most bytes to come, after no_writer_left()
  Lifetime lifetime_;
};

}  // namespace lookout
