// Sends the batches and notices of the engine as messages. serve() in main.cpp owns it; the engine
// calls it.
#pragma once

#include "bridge/outbox.h"
#include "watch/engine.h"

namespace lookout {

class Announcer : public Listener {
 public:
  explicit Announcer(Outbox& outbox) : outbox_(outbox) {}

  void on_events(std::uint64_t seq, const std::vector<Event>& events) override;
  void on_notice(Notice notice) override;
  bool has_room() const override { return outbox_.has_room(); }

 private:
  Outbox& outbox_;
};

}  // namespace lookout
