// The number of the round, and whether rounds get on: a round that defers work to the next one and
// changes nothing would be followed by rounds like it without end. After several of these, deferred
// work waits for a timer. Reconciler owns it; the classes of reconcile/ call it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace lookout {

class RoundProgress {
 public:
  void begin_round() {
    ++round_;
    stuck_rounds_ = deferred_ && !changed_ ? stuck_rounds_ + 1 : 0;
    deferred_ = changed_ = false;
    longest_ = kListingsPerRound;
    listings_ = 0;
    holds_listings_ = false;
  }
  // This round may begin listings again, twice as many as before: what it took in must not keep it
  // from ending, unless directories are made faster than they are listed.
  void continue_round() {
    longest_ = std::min(2 * longest_, kMaxListings);
    listings_ = 0;
    holds_listings_ = false;
  }
  // The number of this round; 0 before the first one.
  std::uint64_t round() const { return round_; }
  // This round has deferred work to a later one.
  void defer() { deferred_ = true; }
  bool has_deferred() const { return deferred_; }
  // This round has changed the tree, or has come further in another way.
  void change() { changed_ = true; }
  // This round has begun to list a directory.
  void list() {
    ++listings_;
    change();
  }
  // Whether this round has begun so many listings that it should take in what is dirty by now.
  bool is_long() const { return listings_ >= longest_; }
  // This round begins no more listings.
  void hold_listings() { holds_listings_ = true; }
  bool holds_listings() const { return holds_listings_; }

  bool is_stuck() const { return stuck_rounds_ >= kStuckRounds; }

 private:
  static constexpr int kStuckRounds = 4;
  static constexpr std::size_t kListingsPerRound = 1024;
  static constexpr std::size_t kMaxListings = 16384;

  std::uint64_t round_ = 0;
  bool deferred_ = false;
  bool changed_ = false;
  bool holds_listings_ = false;
  std::size_t listings_ = 0;  // begun in this round, or since continue_round()
  std::size_t longest_ = kListingsPerRound;
  int stuck_rounds_ = 0;  // consecutive rounds that deferred work and changed nothing
};

}  // namespace lookout
