#include "watch/reconcile/moments.h"

#include <algorithm>

#include "watch/disk/disk.h"

namespace lookout {
namespace {

std::int64_t clock_offset() {
  return inode_clock() - monotonic_clock();
}

}  // namespace

Moments::Moments(const Tree& tree, const RootSettings& roots)
    : tree_(tree),
      roots_(roots),
      drained_(inode_clock()),
      clean_(drained_),
      clock_offset_(clock_offset()) {}

void Moments::begin_round(std::int64_t drained) {
  confirmed_ = false;
  drained_ = drained;
  // After the clock was set back, later changes have time stamps that look older than they are.
  const std::int64_t offset = clock_offset();
  clean_ += std::min<std::int64_t>(0, offset - clock_offset_);
  clock_offset_ = offset;
}

void Moments::end_clean_round() {
  clean_ = drained_;
  hints_lost_ = false;
}

void Moments::confirm(std::int64_t drained) {
  clean_ = drained;
  clock_offset_ = clock_offset();
  confirmed_ = true;
}

void Moments::resume(std::int64_t moment,
                     const std::vector<std::pair<NodeId, std::int64_t>>& moments) {
  // If the clock is behind the snapshot, no time stamp proves that a file is unchanged.
  clean_ = moment <= inode_clock() ? moment : 0;
  drained_ = clean_;
  for (const auto& [directory, since] : moments) blind_[directory] = std::min(since, clean_);
  hints_lost_ = true;
  confirmed_ = false;
}

std::optional<std::int64_t> Moments::blind_since(NodeId directory) const {
  const auto blind = blind_.find(directory);
  return blind == blind_.end() ? std::nullopt : std::optional(blind->second);
}

void Moments::compared(NodeId directory, std::int64_t started) {
  const auto blind = blind_.find(directory);
  if (blind == blind_.end()) return;
  if (tree_.watch(directory) == kNoWatch) {
    blind->second = started;
  } else {
    blind_.erase(blind);
  }
}

void Moments::not_compared(NodeId file) {
  not_compared_.try_emplace(file, blind_since(tree_.parent(file)).value_or(clean_));
}

// The moment since which changes of a file may have caused no event.
std::optional<std::int64_t> Moments::without_events(NodeId file) const {
  const auto blind = blind_since(tree_.parent(file));
  const auto own = not_compared_.find(file);
  if (own == not_compared_.end()) return blind;
  return std::min(own->second, blind.value_or(own->second));
}

KnownFile Moments::known(NodeId file) const {
  const std::uint32_t signature = tree_.signature(file);
  std::optional<SavedFile> saved;
  if (signature == 0 && tree_.salt()) {
    if (const Stamp* stamp = tree_.stamp(file)) saved = {*stamp, *tree_.salt()};
  }
  const std::int64_t crawled = signature == 0 ? roots_.crawl_began(file).value_or(clean_) : 0;
  return {signature, clean_, without_events(file), crawled, saved};
}

}  // namespace lookout
