#include "bridge/announcer.h"

#include <utility>

namespace lookout {

void Announcer::on_events(std::uint64_t seq, std::vector<Event> events) {
  outbox_.send(EventBatch{seq, std::move(events)});
}

void Announcer::on_notice(Notice notice) {
  outbox_.send(notice);
}

}  // namespace lookout
