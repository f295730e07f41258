#include "node/owner_channel.h"

#include <utility>

#include "node/control.h"
#include "node/dist_terms.h"

namespace lookout {

OwnerChannel::OwnerChannel(ConnectionPointer connection, std::string_view self,
                           std::string_view owner, std::string_view reference)
    : connection_(std::move(connection)),
      self_(self),
      owner_(owner),
      reference_(reference),
      prefix_(data_prefix(self, reference)) {}

void OwnerChannel::send(std::string_view payload) {
  connection_->send(prefix_, payload.substr(1));
}

void OwnerChannel::send_end(std::string_view reason) {
  std::string message;
  put_tuple(message, 2);
  message += reference_;
  put_tuple(message, 2);
  put_atom(message, "exit_status");
  put_atom(message, reason);
  connection_->send(alias_send_frame(self_, reference_, message));
}

}  // namespace lookout
