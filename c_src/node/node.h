// A hidden node of an Erlang cluster: its connections, and the registered processes that other
// nodes see on it. `net_kernel` answers net_adm:ping/1, and `lookout` opens sessions. Both names
// stand for one pid.
//
// serve_node() creates the Node, which owns the acceptor, the connections and the sessions. It
// decodes the control messages of all connections and passes those for sessions on to Sessions.
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
  struct MonitorByPeer {
    std::string target;  // as encoded terms: the process here, and the one that monitors it
    std::string origin;
  };
  struct Peer {
    ConnectionPointer connection;
    std::map<std::string, MonitorByPeer> monitors;  // by reference
    std::set<std::string> links;                    // pids that are linked to ours
  };

  void on_accepted(UniqueFd socket);
  // The oldest that has not sent a name, if more than a quarter have not; else the oldest. A client
  // sends its name at once, but for a moment it has sent none.
  void drop_unauthenticated();
  void on_established(Connection& connection) override;
  void on_frame(Connection& connection, std::string_view frame, std::size_t size) override;
  void on_room(Connection& connection) override { sessions_.on_room(connection); }
  void on_closed(Connection& connection) override;

  // A control message of the peer.
  void handle(Peer& peer, const control::Tick& tick);
  void handle(Peer& peer, const control::RegSend& send);
  void handle(Peer& peer, const control::Monitor& monitor);
  void handle(Peer& peer, const control::Demonitor& demonitor);
  void handle(Peer& peer, const control::MonitorExit& exit);
  void handle(Peer& peer, const control::Link& link);
  void handle(Peer& peer, const control::Unlink& unlink);
  void handle(Peer& peer, const control::Exit& exit);
  void handle(Peer& /*peer*/, const control::Ignored& /*ignored*/) {}
  void handle(Peer& /*peer*/, const control::Malformed& /*malformed*/) {}

  void handle_large(Peer& peer, const control::RegSend& send, std::size_t size);
  void handle_message(Peer& peer, std::string_view from, const Message& message);
  void answer(Peer& peer, const Call& call);
  bool exists(std::string_view process, std::string_view name) const;
  void send_monitor_exit(Connection& connection, const std::string& reference,
                         std::string_view reason);

  boost::asio::io_context& io_;
  const NodeIdentity& self_;
  std::string pid_;  // of the process `lookout`, encoded
  Log log_;
  ReadBuffer buffer_{};
  std::deque<ConnectionPointer> unauthenticated_;  // not authenticated, the oldest first
  std::map<const Connection*, Peer> peers_;
  Sessions sessions_;
  Acceptor acceptor_;
};

}  // namespace lookout
