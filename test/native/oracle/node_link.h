// A client's connection to a node, by Erlang's distribution protocol.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "bridge/write_queue.h"
#include "node/dist_frames.h"
#include "support/lifetime.h"
#include "support/unique_fd.h"

namespace lookout::oracle {

// How a connection is lost.
enum class Loss : std::uint8_t {
  closed,
  reset,   // by RST
  within,  // closed in the middle of a frame that is being sent
  silent   // the socket stays open and is not read any more
};
constexpr std::uint64_t kLosses = 4;

class NodeLink {
 public:
  struct Handlers {
    std::function<void(std::string_view frame)> frame;
    std::function<void()> closed;  // by the node
  };

  // Connects to 127.0.0.1 and authenticates, as the node app@host. Throws Broken.
  NodeLink(boost::asio::io_context& io, std::uint16_t port, std::string_view cookie,
           Handlers handlers);
  NodeLink(const NodeLink&) = delete;
  NodeLink& operator=(const NodeLink&) = delete;

  // Sends a whole frame with its length.
  void send(std::string_view frame) { queue_.add({frame}); }
  // Nothing comes from here any more. Returns the socket that stays open, if one does.
  UniqueFd lose(Loss loss);

 private:
  void read();
  void on_readable();

  boost::asio::posix::stream_descriptor socket_;
  Handlers handlers_;
  DistFrames frames_;
  std::array<char, 65536> buffer_{};
  WriteQueue queue_;
  Lifetime lifetime_;
};

}  // namespace lookout::oracle
