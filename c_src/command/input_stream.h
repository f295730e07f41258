// The standard input of a command. Command::Running owns it; Command writes to it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>

#include "command/byte_queue.h"
#include "support/lifetime.h"
#include "support/unique_fd.h"

namespace lookout {

inline constexpr std::size_t kInputWindow = std::size_t{256} * 1024;  // most bytes that may wait

// Accepts bytes at once and writes them as fast as the command reads. Never blocks.
class InputStream {
 public:
  struct Handlers {
    std::function<void(std::size_t)> written;  // this many more bytes were written
    // The command does not read any more; waiting bytes are dropped.
    std::function<void()> broken;
  };

  // How the reader is shown the end of the input.
  enum class Ending {
    close,     // a pipe: close it
    terminal,  // a terminal: write its end-of-file character, ^D
  };

  // `fd` must be non-blocking; an empty `fd` makes a closed stream. The handlers are called from
  // the loop. Throws as adopt() does.
  InputStream(boost::asio::io_context& io, UniqueFd fd, Ending ending, Handlers handlers);
  InputStream(const InputStream&) = delete;
  InputStream& operator=(const InputStream&) = delete;

  bool open() const { return descriptor_ && !closing_; }
  std::size_t waiting() const { return queue_.waiting().size(); }

  // Call it only while open() is true.
  void write(std::string_view bytes);

  // Ends the input after the waiting bytes: closes the pipe, or writes ^D to the terminal, which
  // stays open. The caller must not write afterwards.
  void close();

  // Closes the stream at once and drops the waiting bytes.
  void drop();

 private:
  void step();
  void wait_writable();
  void on_broken();

  std::unique_ptr<boost::asio::posix::stream_descriptor> descriptor_;
  Ending ending_;
  Handlers handlers_;
  ByteQueue queue_;
  bool in_line_ = false;  // the last byte written does not end a line
  bool closing_ = false;
  bool wait_pending_ = false;
  Lifetime lifetime_;
};

}  // namespace lookout
