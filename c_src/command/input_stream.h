// The stream that a command reads.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>

#include "command/byte_queue.h"
#include "support/unique_fd.h"

namespace lookout {

inline constexpr std::size_t kInputWindow = std::size_t{256} * 1024;  // bytes that may wait

// Takes bytes at once and writes them as the command reads; never blocks.
class InputStream {
 public:
  struct Handlers {
    std::function<void(std::size_t)> written;  // so many bytes more are out of the way
    std::function<void()> broken;  // the command does not read any more; what waited is dropped
  };

  // How the end of the input is told to the reader.
  enum class Ending {
    close,     // a pipe: by closing it
    terminal,  // a terminal: by its end-of-file character, ^D
  };

  // `fd` must not block; an empty one is a stream that is closed. Handlers are called from the
  // loop. Throws as adopt() does.
  InputStream(boost::asio::io_context& io, UniqueFd fd, Ending ending, Handlers handlers);
  InputStream(const InputStream&) = delete;
  InputStream& operator=(const InputStream&) = delete;

  bool open() const { return descriptor_ && !closing_; }
  std::size_t waiting() const { return queue_.waiting().size(); }

  // Only while it is open.
  void write(std::string_view bytes);

  // After what waits has been written. What is written to a stream that was closed is an error of
  // the writer.
  void close();

  // At once; what waits is dropped.
  void drop();

 private:
  void step();
  void wait_writable();
  void on_broken();

  std::unique_ptr<boost::asio::posix::stream_descriptor> descriptor_;
  Ending ending_;
  Handlers handlers_;
  ByteQueue queue_;
  bool in_line_ = false;  // what was taken last does not end a line
  bool closing_ = false;
  bool wait_pending_ = false;
};

}  // namespace lookout
