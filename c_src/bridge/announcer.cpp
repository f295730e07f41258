#include "bridge/announcer.h"

#include <utility>

namespace lookout {

void Announcer::on_events(std::uint64_t seq, const std::vector<Event>& events) {
  outbox_.send(EventBatch{seq, events});
}

void Announcer::on_notice(Notice notice) {
  outbox_.send(notice);
}

}  // namespace lookout
