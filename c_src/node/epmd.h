// Registers the node with epmd (the Erlang port mapper daemon), and again whenever epmd restarts.
// Service, which serve_node() runs, owns the EpmdClient and calls it.
//
// https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html#register-a-node-in-epmd
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "node/handshake.h"

namespace lookout {

inline constexpr std::uint16_t kEpmdPort = 4369;

// The request that registers a node, with its length. Pure.
std::string alive_request(const NodeIdentity& self);

class EpmdClient {
 public:
  // Called when the outcome differs from the one before: an empty text for success, else why the
  // node is not registered. Called from the loop, or within start().
  using Report = std::function<void(const std::string& problem)>;

  // epmd is asked at `port` of 127.0.0.1. `self` must outlive the client.
  EpmdClient(boost::asio::io_context& io, const NodeIdentity& self, std::uint16_t port,
             Report report);

  void start();
  // Ends the registration.
  void stop();

 private:
  void connect();
  void on_connected();
  void read();
  void on_answer();
  void fail(const std::string& problem);
  void report(const std::string& problem);

  boost::asio::posix::stream_descriptor socket_;
  boost::asio::steady_timer again_;
  const NodeIdentity& self_;
  std::uint16_t port_;
  Report report_;
  std::string answer_;
  bool registered_ = false;
  bool stopped_ = false;
  std::string reported_ = "?";  // the last report
  std::chrono::milliseconds pause_{};
};

}  // namespace lookout
