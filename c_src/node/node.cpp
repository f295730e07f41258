#include "node/node.h"

#include <algorithm>
#include <boost/system/system_error.hpp>
#include <utility>
#include <variant>

#include "bridge/etf.h"
#include "node/dist_terms.h"

namespace lookout {
namespace {

// Connections that are not authenticated. At one more, the oldest is dropped.
constexpr std::size_t kMaxUnauthenticated = 64;
constexpr std::size_t kMaxPeers = 1'024;
// Monitors and links together that a node may have here. One more is answered as for a process that
// does not exist.
constexpr std::size_t kMaxMonitorsAndLinks = 65'536;

constexpr std::uint32_t kPidNumber = 1;

std::string encoded_pid(const NodeIdentity& self) {
  std::string pid;
  put_pid(pid, self.name, kPidNumber, self.creation);
  return pid;
}

std::string encoded_atom(std::string_view text) {
  std::string atom;
  put_atom(atom, text);
  return atom;
}

// {ok, #{version => Binary, sessions => Number, pid => Pid}}
std::string status_term(std::size_t sessions, std::string_view pid) {
  constexpr std::string_view kVersion = LOOKOUT_VERSION;
  std::string term;
  put_tuple(term, 2);
  put_atom(term, "ok");
  term += static_cast<char>(etf::kMap);
  put_number(term, 3, 4);
  put_atom(term, "version");
  term += static_cast<char>(etf::kBinary);
  put_number(term, kVersion.size(), 4);
  term += kVersion;
  put_atom(term, "sessions");
  term += static_cast<char>(etf::kInteger);
  put_number(term, sessions, 4);
  put_atom(term, "pid");
  term += pid;
  return term;
}

std::string error_term(std::string_view reason) {
  std::string term;
  put_tuple(term, 2);
  put_atom(term, "error");
  put_atom(term, reason);
  return term;
}

}  // namespace

Node::Node(boost::asio::io_context& io, const NodeIdentity& self, UniqueFd listening,
           SessionLimits limits, Log log)
    : io_(io),
      self_(self),
      pid_(encoded_pid(self)),
      log_(std::move(log)),
      sessions_(
          io, self, pid_, limits,
          [this](Connection& connection, const std::string& reference, std::string_view reason) {
            send_monitor_exit(connection, reference, reason);
          }),
      acceptor_(
          io, std::move(listening), [this](UniqueFd socket) { on_accepted(std::move(socket)); },
          [this] { drop_unauthenticated(); }) {}

void Node::on_accepted(UniqueFd socket) {
  if (unauthenticated_.size() >= kMaxUnauthenticated) drop_unauthenticated();
  ConnectionEvents& events = *this;
  try {
    unauthenticated_.push_back(
        std::make_shared<Connection>(io_, std::move(socket), self_, buffer_, events));
  } catch (const boost::system::system_error&) {
    return drop_unauthenticated();  // the kernel has no room for another one
  }
  unauthenticated_.back()->start();
}

void Node::drop_unauthenticated() {
  if (unauthenticated_.empty()) return;
  const auto has_no_name = [](const auto& connection) { return connection->peer().empty(); };
  const auto nameless =
      std::count_if(unauthenticated_.begin(), unauthenticated_.end(), has_no_name);
  const bool many = static_cast<std::size_t>(nameless) > unauthenticated_.size() / 4;
  const auto chosen =
      many ? std::find_if(unauthenticated_.begin(), unauthenticated_.end(), has_no_name)
           : unauthenticated_.begin();
  const ConnectionPointer dropped = *chosen;
  unauthenticated_.erase(chosen);
  dropped->close();
}

// The peer has proved that it knows the cookie, so an older connection of the same node is dead,
// even if the kernel has not noticed.
void Node::on_established(Connection& connection) {
  for (const auto& [known, peer] : peers_) {
    if (peer.connection->peer() != connection.peer() || peer.connection->is_closed()) continue;
    const ConnectionPointer older = peer.connection;
    older->close();
    sessions_.on_closed(*older);
  }
  if (peers_.size() >= kMaxPeers) return connection.close();
  const auto found = std::find_if(unauthenticated_.begin(), unauthenticated_.end(),
                                  [&](const auto& other) { return other.get() == &connection; });
  peers_[&connection].connection = connection.shared_from_this();
  if (found != unauthenticated_.end()) unauthenticated_.erase(found);
}

void Node::on_closed(Connection& connection) {
  std::erase_if(unauthenticated_, [&](const auto& other) { return other.get() == &connection; });
  if (peers_.find(&connection) == peers_.end()) return;
  sessions_.on_closed(connection);
  peers_.erase(&connection);
  if (connection.is_stalled()) {
    log_("node " + connection.peer() + " does not read what it is sent; its connection was closed");
  }
}

void Node::on_frame(Connection& connection, std::string_view frame, std::size_t size) {
  Peer& peer = peers_.at(&connection);
  const ControlMessage control = parse_control_message(frame, size > 0);
  if (size == 0) return std::visit([&](const auto& one) { handle(peer, one); }, control);
  if (const auto* send = std::get_if<control::RegSend>(&control)) handle_large(peer, *send, size);
}

// Whatever waits to be sent shows the peer that this node lives.
void Node::handle(Peer& peer, const control::Tick& /*tick*/) {
  constexpr std::string_view kTick("\0\0\0\0", 4);
  if (peer.connection->backlog() == 0) peer.connection->send(kTick);
}

void Node::handle(Peer& peer, const control::RegSend& send) {
  const Message message = parse_message(send.message);
  if (send.name == "lookout") return handle_message(peer, send.from, message);
  const auto* call = std::get_if<Call>(&message);
  if (send.name != "net_kernel" || call == nullptr) return;
  if (is_auth_request(call->request)) {
    const std::string yes = call_answer(*call, encoded_atom("yes"));
    peer.connection->send(call->alias.empty() ? send_frame(call->from, yes)
                                              : alias_send_frame(pid_, call->alias, yes));
  }
}

void Node::handle_large(Peer& peer, const control::RegSend& send, std::size_t size) {
  if (send.name != "lookout") return;
  const auto reference = parse_command_beginning(send.message);
  if (reference) sessions_.on_large(*peer.connection, *reference, size);
}

void Node::handle_message(Peer& peer, std::string_view from, const Message& message) {
  const ConnectionPointer& connection = peer.connection;
  if (const auto* call = std::get_if<Call>(&message)) {
    answer(peer, *call);
  } else if (const auto* open = std::get_if<OpenMessage>(&message)) {
    sessions_.open(connection, from, open->reference, open->named);
  } else if (const auto* bad = std::get_if<BadOpen>(&message)) {
    sessions_.refuse(connection, from, bad->reference, "bad_request",
                     "expected {open, Name, LingerMs, LastBatch} with a binary of 1 to 255 bytes "
                     "and two integers from 0");
  } else if (const auto* command = std::get_if<CommandMessage>(&message)) {
    sessions_.on_command(*connection, command->reference, command->request);
  } else if (const auto* close = std::get_if<CloseMessage>(&message)) {
    sessions_.close(*connection, close->reference);
  }
}

void Node::answer(Peer& peer, const Call& call) {
  const std::string term = is_atom(call.request, "status") ? status_term(sessions_.size(), pid_)
                                                           : error_term("unknown_call");
  const std::string message = call_answer(call, term);
  peer.connection->send(call.alias.empty() ? send_frame(call.from, message)
                                           : alias_send_frame(pid_, call.alias, message));
}

bool Node::exists(std::string_view process, std::string_view name) const {
  return name == "lookout" || name == "net_kernel" || process == pid_;
}

void Node::handle(Peer& peer, const control::Monitor& monitor) {
  if (!exists(monitor.process, monitor.name) ||
      peer.monitors.size() + peer.links.size() >= kMaxMonitorsAndLinks) {
    peer.connection->send(
        monitor_exit_frame(monitor.process, monitor.from, monitor.reference, "noproc"));
    return;
  }
  peer.monitors[std::string(monitor.reference)] = {std::string(monitor.process),
                                                   std::string(monitor.from)};
}

void Node::handle(Peer& peer, const control::Demonitor& demonitor) {
  peer.monitors.erase(std::string(demonitor.reference));
  sessions_.on_demonitored(*peer.connection, demonitor.reference);
}

void Node::handle(Peer& peer, const control::MonitorExit& exit) {
  sessions_.on_owner_gone(*peer.connection, exit.reference);
}

void Node::handle(Peer& peer, const control::Link& link) {
  if (!exists(link.to, {}) || peer.monitors.size() + peer.links.size() >= kMaxMonitorsAndLinks) {
    peer.connection->send(exit_frame(link.to, link.from, "noproc"));
    return;
  }
  peer.links.insert(std::string(link.from));
}

void Node::handle(Peer& peer, const control::Unlink& unlink) {
  peer.links.erase(std::string(unlink.from));
  if (!unlink.id.empty()) {
    peer.connection->send(unlink_ack_frame(unlink.id, unlink.to, unlink.from));
  }
}

void Node::handle(Peer& peer, const control::Exit& exit) {
  peer.links.erase(std::string(exit.from));
}

void Node::send_monitor_exit(Connection& connection, const std::string& reference,
                             std::string_view reason) {
  const auto peer = peers_.find(&connection);
  if (peer == peers_.end()) return;
  const auto monitor = peer->second.monitors.find(reference);
  if (monitor == peer->second.monitors.end()) return;
  connection.send(
      monitor_exit_frame(monitor->second.target, monitor->second.origin, reference, reason));
  peer->second.monitors.erase(monitor);
}

void Node::shut_down() {
  acceptor_.stop();
  while (!unauthenticated_.empty()) drop_unauthenticated();
  sessions_.end_all("shutdown");
  for (auto& [known, peer] : peers_) {
    for (const auto& [reference, monitor] : std::exchange(peer.monitors, {})) {
      peer.connection->send(
          monitor_exit_frame(monitor.target, monitor.origin, reference, "shutdown"));
    }
    for (const std::string& pid : std::exchange(peer.links, {})) {
      peer.connection->send(exit_frame(pid_, pid, "shutdown"));
    }
  }
}

bool Node::is_flushed() const {
  return std::all_of(peers_.begin(), peers_.end(), [](const auto& entry) {
    return entry.second.connection->is_closed() || entry.second.connection->backlog() == 0;
  });
}

}  // namespace lookout
