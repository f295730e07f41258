#include "node/kept_payloads.h"

#include <algorithm>
#include <utility>

namespace lookout {

void KeptPayloads::add_batch(std::uint64_t seq, std::string_view payload) {
  last_ = seq;
  add({seq, false, std::string(payload)});
}

void KeptPayloads::add_notice(std::string_view payload) {
  add({last_, true, std::string(payload)});
}

// An owner that has processed batch n may have missed the notices between n and n + 1.
void KeptPayloads::add(Kept kept) {
  const std::size_t last = kept.payload.size();
  bytes_ += last;
  kept_.push_back(std::move(kept));
  while (kept_.size() > kMaxKeptPayloads || bytes_ - last > kMaxKeptBytes) {
    const Kept& dropped = kept_.front();
    needed_ = std::max(needed_, dropped.seq + (dropped.is_notice ? 1 : 0));
    bytes_ -= dropped.payload.size();
    kept_.pop_front();
  }
}

void KeptPayloads::after(std::uint64_t seq,
                         const std::function<void(std::string_view)>& take) const {
  for (const Kept& kept : kept_) {
    if (kept.seq > seq || (kept.is_notice && kept.seq == seq)) take(kept.payload);
  }
}

}  // namespace lookout
