// All sessions of the node, with their owners: opens, attaches, ends and resumes them. Node owns it
// and calls it for each message to `lookout`, and when a connection or an owner ends.
//
// A session is named by the reference of the monitor that its owner has set on `lookout`. The node
// monitors the owner in turn, to notice its end.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "node/connection.h"
#include "node/handshake.h"
#include "node/messages.h"
#include "node/node_session.h"
#include "node/owner_channel.h"
#include "support/lifetime.h"

namespace lookout {

struct SessionLimits {
  // Named ones without an owner included, and those that have ended and cannot be destroyed yet.
  std::size_t sessions = 64;
  bool commands = false;
};

class Sessions {
 public:
  // The session with this reference has ended, or has lost its owner: the owner, who monitors it,
  // is to get a MONITOR_P_EXIT with this reason. Called within a call, or from the loop.
  using EndHandler =
      std::function<void(Connection&, const std::string& reference, std::string_view reason)>;

  // `self` must outlive the sessions. `pid` is the encoded pid of this node.
  Sessions(boost::asio::io_context& io, const NodeIdentity& self, std::string pid,
           SessionLimits limits, EndHandler ended);

  // The process `owner` opens a session, which messages name by `reference`. If `named`
  // names a session without an owner, resumes it; if that is not possible, ends it and opens a new
  // one.
  void open(const ConnectionPointer& connection, std::string_view owner, std::string_view reference,
            std::optional<NamedOpen> named);
  // A malformed request to open one.
  void refuse(const ConnectionPointer& connection, std::string_view owner,
              std::string_view reference, std::string_view reason, std::string_view detail);
  // The others do nothing if there is no such session.
  void on_command(const Connection& connection, std::string_view reference, std::string_view term);
  void on_large(const Connection& connection, std::string_view reference, std::size_t size);
  void close(const Connection& connection, std::string_view reference);
  void on_room(const Connection& connection);
  void on_closed(const Connection& connection);
  // The owner has taken its monitor off the session.
  void on_demonitored(const Connection& connection, std::string_view reference);
  // The process that this monitor of ours is set on has ended.
  void on_owner_gone(const Connection& connection, std::string_view monitor);
  // Ends all sessions, each with this reason.
  void end_all(std::string_view reason);

  std::size_t size() const { return sessions_.size(); }
  // Whether a session cannot be destroyed, since a system call does not return.
  bool is_stuck() const;

 private:
  struct Live {
    std::unique_ptr<NodeSession> session;
    std::unique_ptr<OwnerChannel> channel;  // null while the session has no owner
    std::string monitor;                    // our reference that monitors the owner
    std::chrono::milliseconds linger{};
    std::unique_ptr<boost::asio::steady_timer> lingering;
  };
  using Id = std::uint64_t;
  using Key = std::pair<const Connection*, std::string>;  // and a reference

  Live* find(const Connection& connection, std::string_view reference);
  std::optional<Id> id_of(const Connection& connection, std::string_view reference) const;
  std::optional<Id> id_of(const std::string& name) const;
  void attach(Id id, std::unique_ptr<OwnerChannel> channel, std::optional<std::uint64_t> resumed);
  std::unique_ptr<OwnerChannel> detach(Live& live);
  void linger(Id id);
  void end(Id id, std::string_view reason);
  void retire(std::unique_ptr<NodeSession> session);
  void destroy_retired();
  // Microseconds since 1970, and more than the last one: greater than any epoch of an earlier run
  // with all its batches, unless the clock was set back.
  std::uint64_t next_epoch();

  boost::asio::io_context& io_;
  const NodeIdentity& self_;
  std::string pid_;
  SessionLimits limits_;
  EndHandler ended_;
  Id last_id_ = 0;
  std::uint64_t last_epoch_ = 0;
  std::uint64_t last_monitor_ = 0;
  std::map<Id, Live> sessions_;
  std::map<Key, Id> by_reference_;
  std::vector<std::unique_ptr<NodeSession>> retired_;  // to be destroyed
  boost::asio::steady_timer retry_;
  Lifetime lifetime_;
};

}  // namespace lookout
