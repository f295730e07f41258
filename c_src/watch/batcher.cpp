#include "watch/batcher.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <variant>

namespace lookout {
namespace {

constexpr std::size_t kBatchEvents = 256;
constexpr std::size_t kBatchBytes = 256 * 1024;  // of paths
constexpr std::size_t kMostNotices = 256;

// Whether a notice may follow later events. That a root was deleted concerns entries whose
// deletions have been added already; the notice that it exists again, which precedes its new
// entries, may not.
bool may_follow(const Notice& notice) {
  return std::holds_alternative<RootDeletedNotice>(notice);
}

}  // namespace

void Batcher::grant(std::uint64_t batches) {
  if (batches > 0 && batches != Engine::kUnlimited && std::exchange(overdrawn_, false)) --batches;
  const bool without_end = batches > Engine::kUnlimited - credit_;
  credit_ = without_end ? Engine::kUnlimited : credit_ + batches;
}

std::optional<std::uint64_t> Batcher::credit() const {
  if (credit_ == Engine::kUnlimited) return std::nullopt;
  return credit_;
}

void Batcher::add(Event event) {
  if (!wanted_.test(static_cast<std::size_t>(event.change))) return;
  if (ends_batch_ && follows_batch_ && credit_ > 0) {
    flush();
    overdrawn_ = credit_ == 0;
  }
  batch_bytes_ += event.path.size() + event.from.size();
  batch_.push_back(std::move(event));
  if (!follows_batch_) notices_first_ = notices_.size();
}

void Batcher::add(Notice notice) {
  if (cancels(notice)) return;
  if (!may_follow(notice)) {
    ends_batch_ = true;
  } else if (!batch_.empty()) {
    follows_batch_ = true;
  }
  notices_.push_back(std::move(notice));
}

// While there is no credit, the notice that a root was created cancels the pending one that it was
// deleted, and vice versa.
bool Batcher::cancels(const Notice& notice) {
  if (credit_ > 0) return false;
  if (const auto* created = std::get_if<RootCreatedNotice>(&notice)) {
    return std::erase(notices_, Notice{RootDeletedNotice{created->dir}}) > 0;
  }
  if (const auto* deleted = std::get_if<RootDeletedNotice>(&notice)) {
    return std::erase(notices_, Notice{RootCreatedNotice{deleted->dir}}) > 0;
  }
  return false;
}

bool Batcher::is_due() const {
  return batch_.size() >= kBatchEvents || batch_bytes_ >= kBatchBytes || ends_batch_ ||
         notices_.size() >= kMostNotices;
}

void Batcher::flush() {
  std::vector<Notice> notices;
  if (credit_ > 0) {
    notices_.swap(notices);
    ends_batch_ = false;
  }
  follows_batch_ = false;
  const std::size_t first = std::min(std::exchange(notices_first_, 0), notices.size());
  const auto after = notices.begin() + static_cast<std::ptrdiff_t>(first);
  for (auto notice = notices.begin(); notice != after; ++notice) {
    listener_.on_notice(std::move(*notice));
  }
  if (!batch_.empty()) {
    // A batch that was begun before revoke() is sent without credit.
    if (credit_ > 0 && credit_ != Engine::kUnlimited) --credit_;
    events_ += batch_.size();
    batch_bytes_ = 0;
    listener_.on_events(++seq_, batch_);
    batch_.clear();
  }
  for (auto notice = after; notice != notices.end(); ++notice) {
    listener_.on_notice(std::move(*notice));
  }
}

}  // namespace lookout
