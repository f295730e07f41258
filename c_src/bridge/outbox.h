// Encodes outgoing messages and passes them to the sink. serve() in main.cpp and NodeSession::Owner
// own one each; the classes of bridge/ and node/ call it.
#pragma once

#include "bridge/replies.h"
#include "bridge/term_writer.h"
#include "bridge/transport.h"

namespace lookout {

class Outbox {
 public:
  explicit Outbox(Sink& sink) : sink_(sink) {}

  template <class Message>
  void send(const Message& message) {
    encode(writer_, message);
    sink_.send(writer_.bytes());
  }

  bool has_room() const { return sink_.has_room(); }

 private:
  Sink& sink_;
  TermWriter writer_;
};

}  // namespace lookout
