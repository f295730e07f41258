// Accepts TCP connections on an IPv4 or IPv6 address. Node owns the Acceptor and starts it;
// serve_node() calls listen_on().
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <string>

#include "support/error.h"
#include "support/unique_fd.h"

namespace lookout {

struct ListeningSocket {
  UniqueFd fd;
  std::string address;  // as a person writes it
  std::uint16_t port = 0;
};

// Listens on a numeric address; port 0 lets the kernel choose one.
Result<ListeningSocket> listen_on(const std::string& address, std::uint16_t port);

// Passes each new connection to `accepted`. If the process has no descriptors left, calls `full`
// and tries again a little later. Both are called from the loop. Node owns it.
class Acceptor {
 public:
  Acceptor(boost::asio::io_context& io, UniqueFd socket, std::function<void(UniqueFd)> accepted,
           std::function<void()> full);

  void start() { wait(); }
  void stop();

 private:
  void wait();
  void accept();
  void pause();

  boost::asio::posix::stream_descriptor socket_;
  boost::asio::steady_timer again_;
  std::function<void(UniqueFd)> accepted_;
  std::function<void()> full_;
  bool stopped_ = false;
};

}  // namespace lookout
