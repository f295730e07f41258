// A TCP connection with another node: first the handshake, then frames. Nothing blocks. Node owns
// all connections and receives their events; an OwnerChannel shares the one it sends over.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "bridge/write_queue.h"
#include "node/dist_frames.h"
#include "node/handshake.h"
#include "support/lifetime.h"
#include "support/unique_fd.h"

namespace lookout {

class Connection;
using ConnectionPointer = std::shared_ptr<Connection>;

// Receives what happens on connections. Called from the loop. A callee may close the connection.
class ConnectionEvents {
 public:
  virtual ~ConnectionEvents() = default;
  // The peer is authenticated.
  virtual void on_established(Connection& connection) = 0;
  // A frame without its length. If `size` is not 0: the beginning of a frame of `size` bytes, which
  // was too large.
  virtual void on_frame(Connection& connection, std::string_view frame, std::size_t size) = 0;
  // The connection has room again after it had none.
  virtual void on_room(Connection& connection) = 0;
  // The connection has ended. Called once, and never within send().
  virtual void on_closed(Connection& connection) = 0;
};

// Shared by all connections, which read one after another.
using ReadBuffer = std::array<char, std::size_t{64} * 1024>;

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  static constexpr std::size_t kRoom = std::size_t{1024} * 1024;             // bytes
  static constexpr std::size_t kMaxBacklog = std::size_t{64} * 1024 * 1024;  // bytes

  // `self`, `buffer` and `events` must outlive the connection. Throws boost::system::system_error
  // where the kernel refuses to watch the socket.
  Connection(boost::asio::io_context& io, UniqueFd socket, const NodeIdentity& self,
             ReadBuffer& buffer, ConnectionEvents& events);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void start();
  // Drops what waits to be sent.
  void close();

  // Sends a frame with its length. A peer that lets more than kMaxBacklog bytes wait is closed.
  void send(std::string_view frame);
  // Sends a frame that consists of these two parts.
  void send(std::string_view prefix, std::string_view payload);

  bool has_room() const { return queue_.has_room(); }
  std::size_t backlog() const { return queue_.backlog(); }
  bool is_established() const { return handshake_.state() == Handshake::State::established; }
  bool is_closed() const { return closed_; }
  // Whether it was closed because the peer did not read.
  bool is_stalled() const { return stalled_; }
  const std::string& peer() const { return handshake_.peer(); }

 private:
  void read();
  void on_readable();
  void on_bytes(std::string_view bytes);
  void on_frames(std::string_view bytes);
  void check_backlog();

  boost::asio::io_context& io_;
  boost::asio::posix::stream_descriptor socket_;
  boost::asio::steady_timer deadline_;  // of the handshake
  ReadBuffer& buffer_;
  ConnectionEvents& events_;
  Handshake handshake_;
  DistFrames frames_;
  WriteQueue queue_;
  bool closed_ = false;
  bool stalled_ = false;
  Lifetime lifetime_;
};

// An unpredictable number, from the kernel.
std::uint32_t random_number();

}  // namespace lookout
