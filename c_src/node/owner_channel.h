// Sends messages of a session to its owner, the process that opened it: to the alias of the owner,
// over the connection with its node. Sessions owns the channel as long as the session has that
// owner; NodeSession sends over it.
#pragma once

#include <string>
#include <string_view>

#include "bridge/transport.h"
#include "node/connection.h"

namespace lookout {

class OwnerChannel : public Sink {
 public:
  // `self` is the pid of this node, `owner` a pid and `reference` the alias, as encoded terms.
  OwnerChannel(ConnectionPointer connection, std::string_view self, std::string_view owner,
               std::string_view reference);

  // Sends {Reference, {data, Payload}}. A payload has its version byte.
  void send(std::string_view payload) override;
  bool has_room() const override { return connection_->has_room(); }
  // Sends {Reference, {exit_status, Reason}}; then the session has ended.
  void send_end(std::string_view reason);

  const ConnectionPointer& connection() const { return connection_; }
  const std::string& owner() const { return owner_; }
  const std::string& reference() const { return reference_; }

 private:
  ConnectionPointer connection_;
  std::string self_;
  std::string owner_;
  std::string reference_;
  std::string prefix_;
};

}  // namespace lookout
