// The interfaces between messages and their transport. A payload is a whole term; framing is up to
// the transport. Outbox and ChildProgram call a Sink; PortTransport calls its Receiver, the
// Session.
#pragma once

#include <string_view>

#include "support/error.h"

namespace lookout {

// The destination of outgoing payloads.
class Sink {
 public:
  virtual ~Sink() = default;
  // Copies the payload and returns at once; never blocks.
  virtual void send(std::string_view payload) = 0;
  // Returns false while too many bytes wait to be sent: a listing should pause.
  virtual bool has_room() const = 0;
};

// Receives incoming payloads. The methods are called from the loop.
class Receiver {
 public:
  virtual ~Receiver() = default;
  virtual void on_payload(std::string_view payload) = 0;
  // The sink has room again after it had none.
  virtual void on_room() = 0;
  // No more input can be read, for this reason. The callee may send final messages.
  virtual void on_broken(const Error& error) = 0;
};

}  // namespace lookout
