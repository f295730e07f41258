// Lines to a descriptor, no faster than they are read.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "support/unique_fd.h"

namespace lookout::inotifywait {

class LineOutput {
 public:
  // Nothing is awaited of a file or a terminal; of a pipe or a socket, that it has room and a
  // reader. From the loop `on_room` is called when all that waited has been written, `on_end` once
  // nobody reads it any more, also where nothing is written meanwhile, or when it cannot be
  // written.
  LineOutput(boost::asio::io_context& io, UniqueFd output, std::function<void()> on_room,
             std::function<void()> on_end);
  LineOutput(const LineOutput&) = delete;
  LineOutput& operator=(const LineOutput&) = delete;

  void write(std::string_view lines);
  bool has_room() const { return waiting_.size() < kRoom; }

 private:
  static constexpr std::size_t kRoom = std::size_t{256} * 1024;

  void await_end();
  void write_some();
  bool write_once();
  void end();

  boost::asio::io_context& io_;
  UniqueFd output_;
  std::optional<boost::asio::posix::stream_descriptor> stream_;  // of a pipe or a socket
  std::function<void()> on_room_;
  std::function<void()> on_end_;
  std::string waiting_;
  bool write_pending_ = false;
  bool ended_ = false;
};

}  // namespace lookout::inotifywait
