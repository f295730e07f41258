#include "watch/model/trail.h"

#include <algorithm>
#include <iterator>

namespace lookout {
namespace {

constexpr std::uint64_t kRounds = 2;

}  // namespace

void Trail::add_moved_from(std::uint32_t cookie, DirEntry from) {
  first_halves_[first_half_count_++ % first_halves_.size()] = {cookie, std::move(from)};
}

std::optional<DirEntry> Trail::moved_from(std::uint32_t cookie) const {
  const auto found = std::find_if(first_halves_.begin(), first_halves_.end(),
                                  [&](const FirstHalf& half) { return half.cookie == cookie; });
  if (cookie == 0 || found == first_halves_.end()) return std::nullopt;
  return found->from;
}

void Trail::add_move(const DirEntry& from, const DirEntry& to, Known known, std::uint64_t round) {
  if (from == to) return;
  MovesFrom& here = moves_[from];
  std::vector<Move>& moves = known == Known::by_hints ? here.by_hints : here.by_check;
  const std::uint64_t number = ++moved_;
  if (!moves.empty() && moves.back().to == to) {
    moves.back().last = number;
    moves.back().round = round;
  } else {
    moves.push_back({to, number, number, round});
    ++move_count_;
  }
}

void Trail::add_arrival(const DirEntry& entry, bool hinted, std::uint64_t round) {
  Arrival& arrival = arrivals_[entry];
  arrival.hinted = arrival.hinted && hinted;
  arrival.round = round;
}

std::optional<bool> Trail::all_hinted(const DirEntry& entry) const {
  const auto found = arrivals_.find(entry);
  if (found == arrivals_.end()) return std::nullopt;
  return found->second.hinted;
}

void Trail::add_orphaned(const DirEntry& entry, Hints content, std::uint64_t round) {
  Orphan& orphan = orphans_[entry];
  orphan.content |= content;
  orphan.round = round;
}

Hints Trail::orphaned_at(const DirEntry& entry) const {
  const auto found = orphans_.find(entry);
  return found == orphans_.end() ? 0 : found->second.content;
}

// A breadth-first search along the moves that one file may have made one after the other.
class Trail::Search {
 public:
  Search(const Trail& trail, std::uint64_t since) : trail_(trail), since_(since) {}

  std::vector<DirEntry> run(const DirEntry& entry) {
    reach(entry, 0);
    for (std::size_t i = 0; i < next_.size() && visits_ < kMaxVisits; ++i) {
      const auto [at, arrived] = next_[i];
      const auto found = trail_.moves_.find(at);
      if (found == trail_.moves_.end()) continue;
      for (const Move& move : found->second.by_check) visit(move, 0);
      take(found->second.by_hints, arrived);
    }
    reached_.erase(reached_.begin());
    return std::move(reached_);
  }

 private:
  // The next move comes first: if hints reported all moves, that is the one that the file made.
  void take(const std::vector<Move>& moves, std::uint64_t arrived) {
    auto move = std::partition_point(moves.begin(), moves.end(), [&](const Move& earlier) {
      return earlier.last <= std::max(arrived, since_);
    });
    for (; move != moves.end(); ++move) visit(*move, std::max(move->first, arrived + 1));
  }

  void visit(const Move& move, std::uint64_t arrived) {
    if (visits_ == kMaxVisits) return;
    ++visits_;
    reach(move.to, arrived);
  }

  // The file may have come to `entry` with move number `arrived`, or a later one.
  void reach(const DirEntry& entry, std::uint64_t arrived) {
    const auto [known, inserted] = arrived_.try_emplace(entry, arrived);
    if (inserted) reached_.push_back(entry);
    if (!inserted && known->second <= arrived) return;
    known->second = arrived;
    next_.emplace_back(entry, arrived);
  }

  const Trail& trail_;
  const std::uint64_t since_;
  std::size_t visits_ = 0;
  std::vector<DirEntry> reached_;
  std::vector<std::pair<DirEntry, std::uint64_t>> next_;
  std::unordered_map<DirEntry, std::uint64_t, DirEntryHash> arrived_;
};

std::vector<DirEntry> Trail::onward(const DirEntry& entry, std::uint64_t since) const {
  if (!moves_.contains(entry)) return {};
  return Search(*this, since).run(entry);
}

bool Trail::leads(const DirEntry& from, const DirEntry& to) const {
  const std::vector<DirEntry> entries = onward(from, 0);
  return std::find(entries.begin(), entries.end(), to) != entries.end();
}

std::vector<DirEntry> Trail::take_all() {
  std::vector<DirEntry> entries;
  entries.reserve(move_count_ + arrivals_.size() + orphans_.size());
  for (auto& [from, moves] : moves_) {
    for (Move& move : moves.by_hints) entries.push_back(std::move(move.to));
    for (Move& move : moves.by_check) entries.push_back(std::move(move.to));
  }
  for (const auto& [entry, arrival] : arrivals_) entries.push_back(entry);
  for (const auto& [entry, orphan] : orphans_) entries.push_back(entry);
  moves_.clear();
  move_count_ = 0;
  arrivals_.clear();
  orphans_.clear();
  return entries;
}

void Trail::prune(std::uint64_t round) {
  const auto old = [&](const auto& record) { return record.second.round + kRounds < round; };
  const auto old_move = [&](const Move& move) { return move.round + kRounds < round; };
  for (auto at = moves_.begin(); at != moves_.end();) {
    MovesFrom& moves = at->second;
    move_count_ -= std::erase_if(moves.by_hints, old_move);
    move_count_ -= std::erase_if(moves.by_check, old_move);
    at = moves.by_hints.empty() && moves.by_check.empty() ? moves_.erase(at) : std::next(at);
  }
  std::erase_if(orphans_, old);
  std::erase_if(arrivals_, old);
}

}  // namespace lookout
