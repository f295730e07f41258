// A hidden node of an Erlang cluster: its connections, and the processes that others see on it:
// `net_kernel`, which answers pings, and `lookout`, which serves sessions.
#pragma once

#include <boost/asio/io_context.hpp>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "node/acceptor.h"
#include "node/connection.h"
#include "node/control.h"
#include "node/handshake.h"
#include "node/messages.h"
#include "node/sessions.h"

namespace lookout {

class Node : private ConnectionEvents {
 public:
  // A line for the person who runs the node.
  using Log = std::function<void(const std::string&)>;

  // `self` must outlive the node.
  Node(boost::asio::io_context& io, const NodeIdentity& self, UniqueFd listening,
       SessionLimits limits, Log log);

  void start() { acceptor_.start(); }
  // Ends all sessions with the reason `shutdown`, fires all monitors and links, and closes each
  // connection when its output is written.
  void shut_down();
  // Whether nothing waits to be sent.
  bool is_flushed() const;
  bool is_stuck() const { return sessions_.is_stuck(); }

 private:
  struct Monitored {
    std::string process;  // as encoded terms: what is monitored, and by whom
    std::string by;
  };
  struct Peer {
    ConnectionPointer connection;
    std::map<std::string, Monitored> monitors;  // by reference
    std::set<std::string> links;                // pids that are linked to ours
  };

  void on_accepted(UniqueFd socket);
  void drop_oldest_stranger();
  void on_established(Connection& connection) override;
  void on_frame(Connection& connection, std::string_view frame, std::size_t size) override;
  void on_room(Connection& connection) override { sessions_.on_room(connection); }
  void on_closed(Connection& connection) override;

  void take(Peer& peer, const control::Tick& tick);
  void take(Peer& peer, const control::SendName& send);
  void take(Peer& peer, const control::Monitor& monitor);
  void take(Peer& peer, const control::Demonitor& demonitor);
  void take(Peer& peer, const control::MonitorExit& exit);
  void take(Peer& peer, const control::Link& link);
  void take(Peer& peer, const control::Unlink& unlink);
  void take(Peer& peer, const control::Exit& exit);
  void take(Peer& /*peer*/, const control::Ignored& /*ignored*/) {}
  void take(Peer& /*peer*/, const control::Malformed& /*malformed*/) {}

  void take_large(Peer& peer, const control::SendName& send, std::size_t size);
  void take_message(Peer& peer, std::string_view from, const Message& message);
  void answer(Peer& peer, const Call& call);
  bool exists(std::string_view process, std::string_view name) const;
  void fire(Connection& connection, const std::string& reference, std::string_view reason);

  boost::asio::io_context& io_;
  const NodeIdentity& self_;
  std::string pid_;  // of the process `lookout`, encoded
  Log log_;
  ReadBuffer buffer_{};
  std::deque<ConnectionPointer> strangers_;  // not authenticated, the oldest first
  std::map<const Connection*, Peer> peers_;
  Sessions sessions_;
  Acceptor acceptor_;
};

}  // namespace lookout
