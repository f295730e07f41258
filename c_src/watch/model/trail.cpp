#include "watch/model/trail.h"

#include <algorithm>

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
  if (from != to) moves_.emplace(from, Move{to, known, round});
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

std::vector<DirEntry> Trail::onward(const DirEntry& place, std::uint64_t since) const {
  std::vector<DirEntry> places;
  if (moves_.empty()) return places;
  places.push_back(place);
  for (std::size_t i = 0; i < places.size() && places.size() < kMostPlaces; ++i) {
    const auto [first, last] = moves_.equal_range(places[i]);
    for (auto move = first; move != last; ++move) {
      if (move->second.known == Known::by_hints && move->second.round < since) continue;
      if (std::find(places.begin(), places.end(), move->second.to) == places.end()) {
        places.push_back(move->second.to);
      }
    }
  }
  places.erase(places.begin());
  return places;
}

bool Trail::leads(const DirEntry& from, const DirEntry& to) const {
  const std::vector<DirEntry> places = onward(from, 0);
  return std::find(places.begin(), places.end(), to) != places.end();
}

std::vector<DirEntry> Trail::give_up() {
  std::vector<DirEntry> places;
  places.reserve(moves_.size() + arrivals_.size() + orphans_.size());
  for (auto& [from, move] : moves_) places.push_back(std::move(move.to));
  for (const auto& [place, arrival] : arrivals_) places.push_back(place);
  for (const auto& [place, orphan] : orphans_) places.push_back(place);
  moves_.clear();
  arrivals_.clear();
  orphans_.clear();
  return places;
}

void Trail::prune(std::uint64_t round) {
  const auto old = [&](const auto& entry) { return entry.second.round + kRounds < round; };
  std::erase_if(moves_, old);
  std::erase_if(orphans_, old);
  std::erase_if(arrivals_, old);
}

}  // namespace lookout
