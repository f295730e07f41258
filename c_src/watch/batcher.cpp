#include "watch/batcher.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <variant>

namespace lookout {
namespace {

constexpr std::size_t kBatchEvents = 256;
constexpr std::size_t kBatchBytes = 256 * 1024;  // of paths
constexpr std::size_t kMaxNotices = 256;
// When the waiting notices have this many bytes, further ones are omitted. It is the number of
// bytes that may wait for the output (PortLimits::room).
constexpr std::size_t kNoticeBytes = std::size_t{1024} * 1024;
constexpr std::size_t kNoticeCost = 64;  // beside its path
constexpr std::size_t kOmittedDirBytes = 4096;

// Whether a notice may follow later events. That a root was deleted concerns entries whose
// deletions have been added already; the notice that it exists again, which precedes its new
// entries, may not.
bool may_follow(const Notice& notice) {
  return std::holds_alternative<RootDeletedNotice>(notice);
}

// The path of a notice that may be left out. The others are about roots, so there are only few, or
// they tell the state of one.
const std::string* omissible_path(const Notice& notice) {
  if (const auto* unreadable = std::get_if<UnreadableNotice>(&notice)) return &unreadable->dir;
  if (const auto* limited = std::get_if<WatchLimitNotice>(&notice)) return &limited->dir;
  if (const auto* polled = std::get_if<PolledNotice>(&notice)) return &polled->dir;
  if (const auto* unwatched = std::get_if<UnwatchedNotice>(&notice)) return &unwatched->dir;
  return nullptr;
}

// The last directory on the path `dir` that is short and that `path` is at or below, too.
std::string common_directory(const std::string& dir, const std::string& path) {
  const auto [end, other] = std::ranges::mismatch(dir, path);
  auto size = static_cast<std::size_t>(end - dir.begin());
  const bool whole = (size == dir.size() || dir[size] == '/') &&
                     (size == path.size() || path[size] == '/') && size <= kOmittedDirBytes;
  if (!whole && size > 0) size = dir.rfind('/', std::min(size, kOmittedDirBytes + 1) - 1);
  return size == 0 ? "/" : dir.substr(0, size);
}

}  // namespace

void Batcher::grant(std::uint64_t batches) {
  if (batches != Engine::kUnlimited) {
    const std::uint64_t paid = std::min(batches, debt_);
    debt_ -= paid;
    batches -= paid;
  }
  const bool without_end = batches > Engine::kUnlimited - credit_;
  credit_ = without_end ? Engine::kUnlimited : credit_ + batches;
}

void Batcher::revoke() {
  credit_ = 0;
  debt_ = 0;
  is_free_ = !batch_.empty();
}

std::optional<std::uint64_t> Batcher::credit() const {
  if (credit_ == Engine::kUnlimited) return std::nullopt;
  return credit_;
}

void Batcher::add(Event event) {
  if (!wanted_.test(static_cast<std::size_t>(event.change))) return;
  if (ends_batch_ && follows_batch_ && credit_ > 0) send();
  batch_bytes_ += event.path.size() + event.from.size();
  batch_.push_back(std::move(event));
  if (!follows_batch_) notices_first_ = notices_.size();
}

void Batcher::add(Notice notice) {
  if (cancels(notice) || omits(notice)) return;
  if (!may_follow(notice)) {
    ends_batch_ = true;
  } else if (!batch_.empty()) {
    follows_batch_ = true;
  }
  notices_.push_back(std::move(notice));
}

// While notices wait, the one that a root was created cancels the pending one that it was deleted,
// and vice versa.
bool Batcher::cancels(const Notice& notice) {
  if (may_send()) return false;
  if (const auto* created = std::get_if<RootCreatedNotice>(&notice)) {
    return std::erase(notices_, Notice{RootDeletedNotice{created->dir}}) > 0;
  }
  if (const auto* deleted = std::get_if<RootDeletedNotice>(&notice)) {
    return std::erase(notices_, Notice{RootCreatedNotice{deleted->dir}}) > 0;
  }
  return false;
}

// Whether a notice is left out since those that wait have too many bytes.
bool Batcher::omits(const Notice& notice) {
  const std::string* path = omissible_path(notice);
  if (path == nullptr) return false;
  if (notice_bytes_ < kNoticeBytes) {
    notice_bytes_ += path->size() + kNoticeCost;
    return false;
  }
  if (!omitted_) omitted_.emplace(OmittedNotice{*path, 0});
  omitted_->dir = common_directory(omitted_->dir, *path);
  ++omitted_->count;
  return true;
}

bool Batcher::is_due() const {
  return batch_.size() >= kBatchEvents || batch_bytes_ >= kBatchBytes || ends_batch_ ||
         notices_.size() >= kMaxNotices;
}

void Batcher::flush() {
  if (may_send() || is_free_) send();
}

void Batcher::send() {
  std::vector<Notice> notices;
  if (credit_ > 0) {
    if (omitted_) notices_.emplace_back(*std::exchange(omitted_, std::nullopt));
    notices_.swap(notices);
    notice_bytes_ = 0;
    ends_batch_ = false;
  }
  follows_batch_ = false;
  const std::size_t first = std::min(std::exchange(notices_first_, 0), notices.size());
  const auto after = notices.begin() + static_cast<std::ptrdiff_t>(first);
  for (auto notice = notices.begin(); notice != after; ++notice) {
    listener_.on_notice(std::move(*notice));
  }
  if (!batch_.empty()) {
    pay_for_batch();
    events_ += batch_.size();
    batch_bytes_ = 0;
    listener_.on_events(++seq_, batch_);
    batch_.clear();
  }
  for (auto notice = after; notice != notices.end(); ++notice) {
    listener_.on_notice(std::move(*notice));
  }
}

// A batch ends at kBatchBytes, so it has less than twice that, unless one path is long.
void Batcher::pay_for_batch() {
  if (std::exchange(is_free_, false) || credit_ == Engine::kUnlimited) return;
  const std::uint64_t cost = std::max<std::uint64_t>(1, batch_bytes_ / kBatchBytes);
  const std::uint64_t paid = std::min(cost, credit_);
  credit_ -= paid;
  debt_ += cost - paid;
}

}  // namespace lookout
