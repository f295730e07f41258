#include "watch/model/trail.h"

#include <algorithm>
#include <iterator>

namespace lookout {
namespace {

constexpr std::uint64_t kRounds = 2;

}  // namespace

void Trail::left(std::uint32_t cookie, DirEntry from) {
  left_[left_count_++ % left_.size()] = {cookie, std::move(from)};
}

std::optional<DirEntry> Trail::origin(std::uint32_t cookie) const {
  const auto found = std::find_if(left_.begin(), left_.end(),
                                  [&](const Left& left) { return left.cookie == cookie; });
  if (cookie == 0 || found == left_.end()) return std::nullopt;
  return found->from;
}

void Trail::moved(const DirEntry& from, const DirEntry& to, Known known, std::uint64_t round) {
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

void Trail::arrived(const DirEntry& place, bool seen, std::uint64_t round) {
  Arrival& arrival = arrivals_[place];
  arrival.seen = arrival.seen && seen;
  arrival.round = round;
}

std::optional<bool> Trail::seen_to(const DirEntry& place) const {
  const auto found = arrivals_.find(place);
  if (found == arrivals_.end()) return std::nullopt;
  return found->second.seen;
}

void Trail::orphaned(const DirEntry& place, Hints content, std::uint64_t round) {
  Orphan& orphan = orphans_[place];
  orphan.content |= content;
  orphan.round = round;
}

Hints Trail::orphaned_at(const DirEntry& place) const {
  const auto found = orphans_.find(place);
  return found == orphans_.end() ? 0 : found->second.content;
}

// Goes from place to place, by moves that one entry may have made one after the other.
class Trail::Search {
 public:
  Search(const Trail& trail, std::uint64_t since) : trail_(trail), since_(since) {}

  std::vector<DirEntry> run(const DirEntry& place) {
    reach(place, 0);
    for (std::size_t i = 0; i < next_.size() && looks_ < kMostLooks; ++i) {
      const auto [at, arrived] = next_[i];
      const auto found = trail_.moves_.find(at);
      if (found == trail_.moves_.end()) continue;
      for (const Move& move : found->second.by_check) look(move, 0);
      take(found->second.by_hints, arrived);
    }
    places_.erase(places_.begin());
    return std::move(places_);
  }

 private:
  // The next move comes first: if hints showed all moves, that is the one that the entry made.
  void take(const std::vector<Move>& moves, std::uint64_t arrived) {
    auto move = std::partition_point(moves.begin(), moves.end(), [&](const Move& earlier) {
      return earlier.last <= arrived || earlier.round < since_;
    });
    for (; move != moves.end(); ++move) look(*move, std::max(move->first, arrived + 1));
  }

  void look(const Move& move, std::uint64_t arrived) {
    if (looks_ == kMostLooks) return;
    ++looks_;
    reach(move.to, arrived);
  }

  // The entry may have come to this place with move number `arrived`, or a later one.
  void reach(const DirEntry& place, std::uint64_t arrived) {
    const auto [known, inserted] = arrived_.try_emplace(place, arrived);
    if (inserted) places_.push_back(place);
    if (!inserted && known->second <= arrived) return;
    known->second = arrived;
    next_.emplace_back(place, arrived);
  }

  const Trail& trail_;
  const std::uint64_t since_;
  std::size_t looks_ = 0;
  std::vector<DirEntry> places_;
  std::vector<std::pair<DirEntry, std::uint64_t>> next_;
  std::unordered_map<DirEntry, std::uint64_t, DirEntryHash> arrived_;
};

std::vector<DirEntry> Trail::onward(const DirEntry& place, std::uint64_t since) const {
  if (!moves_.contains(place)) return {};
  return Search(*this, since).run(place);
}

bool Trail::leads(const DirEntry& from, const DirEntry& to) const {
  const std::vector<DirEntry> places = onward(from, 0);
  return std::find(places.begin(), places.end(), to) != places.end();
}

std::vector<DirEntry> Trail::give_up() {
  std::vector<DirEntry> places;
  places.reserve(move_count_ + arrivals_.size() + orphans_.size());
  for (auto& [from, moves] : moves_) {
    for (Move& move : moves.by_hints) places.push_back(std::move(move.to));
    for (Move& move : moves.by_check) places.push_back(std::move(move.to));
  }
  for (const auto& [place, arrival] : arrivals_) places.push_back(place);
  for (const auto& [place, orphan] : orphans_) places.push_back(place);
  moves_.clear();
  move_count_ = 0;
  arrivals_.clear();
  orphans_.clear();
  return places;
}

void Trail::prune(std::uint64_t round) {
  const auto old = [&](const auto& entry) { return entry.second.round + kRounds < round; };
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
