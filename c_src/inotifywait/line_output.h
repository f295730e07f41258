// Writes lines to a descriptor, no faster than they are read. Monitor owns it and calls it.
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
  // A file or a terminal is written synchronously. For a pipe or a socket the loop waits for room,
  // and watches whether it still has a reader. Calls from the loop: `on_room` when all waiting
  // bytes are written; `on_end` when nobody reads the output any more, even if nothing is written,
  // or when a write fails.
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
  std::optional<boost::asio::posix::stream_descriptor> stream_;  // for a pipe or a socket
  std::function<void()> on_room_;
  std::function<void()> on_end_;
  std::string waiting_;
  bool write_pending_ = false;
  bool ended_ = false;
};

}  // namespace lookout::inotifywait
