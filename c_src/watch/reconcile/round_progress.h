// The number of the round, and whether rounds get on: a round that defers work to the next one and
// changes nothing would be followed by rounds like it without end. After several of these, deferred
// work waits for a timer.
#pragma once

#include <cstdint>

namespace lookout {

class RoundProgress {
 public:
  void begin_round() {
    ++round_;
    stuck_rounds_ = deferred_ && !changed_ ? stuck_rounds_ + 1 : 0;
    deferred_ = changed_ = false;
    listings_ = 0;
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
  // Whether this round has begun so many listings that the names which are dirty now come first.
  bool is_long() const { return listings_ >= kListingsARound; }

  bool is_stuck() const { return stuck_rounds_ >= kStuckRounds; }

 private:
  static constexpr int kStuckRounds = 4;
  static constexpr int kListingsARound = 1024;

  std::uint64_t round_ = 0;
  bool deferred_ = false;
  bool changed_ = false;
  int listings_ = 0;
  int stuck_rounds_ = 0;  // consecutive rounds that deferred work and changed nothing
};

}  // namespace lookout
