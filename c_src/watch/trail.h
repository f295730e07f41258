// Where things went: the renames that hints and looks have shown in the last rounds. Pure.
//
// A hint about content names a place, not an inode. When what was written at a place has been
// renamed, once or several times, before anybody looked, the trail leads the hint after it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "watch/hash.h"
#include "watch/hint.h"
#include "watch/tree.h"

namespace lookout {

using Place = std::pair<NodeId, std::string>;  // a directory and a name in it

class Trail {
 public:
  // With more than this in it the trail is to be traded for a rescan of where it led.
  static constexpr std::size_t kMaxMoves = 32768;

  // The first half of a rename was hinted.
  void left(std::uint32_t cookie, Place from);
  // The place that the second half of a rename came from; nullopt when no first half was hinted.
  std::optional<Place> origin(std::uint32_t cookie) const;

  // How a move became known: by the kernel's hints, which come in order with those about content,
  // or only by a look that found the entry elsewhere.
  enum class Known { by_hints, by_look };

  // What stood at `from` stands at `to`.
  void moved(const Place& from, const Place& to, Known known, std::uint64_t round);
  // Something was moved to this place; `seen` tells whether all its way there was.
  void arrived(const Place& place, bool seen, std::uint64_t round);
  // Whether all that was moved to this place was seen on its way; nullopt when nothing was moved.
  std::optional<bool> seen_to(const Place& place) const;
  // What was hinted of the content at this place belongs to something that is there no more.
  void strayed(const Place& place, Hints content, std::uint64_t round);

  // The content hints that strayed at a place.
  Hints strayed_at(const Place& place) const;
  // Every place that something which once stood at `place` may have been moved to, by moves that
  // were hinted in round `since` or later, or known by a look.
  std::vector<Place> onward(const Place& place, std::uint64_t since) const;

  // Whether what once stood at `from` may have been moved to `to`.
  bool leads(const Place& from, const Place& to) const;

  bool full() const { return moves_.size() + arrivals_.size() + strays_.size() >= kMaxMoves; }
  // All places that the trail led to; it is empty after it.
  std::vector<Place> give_up();
  // Forgets what is older than two rounds.
  void prune(std::uint64_t round);

 private:
  struct PlaceHash {
    std::size_t operator()(const Place& place) const {
      return hash_bytes(place.first, place.second);
    }
  };
  struct Move {
    Place to;
    Known known;
    std::uint64_t round;
  };
  struct Arrival {
    bool seen = true;
    std::uint64_t round = 0;
  };
  struct Stray {
    Hints content;
    std::uint64_t round;
  };
  struct Left {
    std::uint32_t cookie = 0;
    Place from;
  };

  std::array<Left, 64> left_{};  // the latest, in a ring
  std::size_t left_count_ = 0;
  std::unordered_multimap<Place, Move, PlaceHash> moves_;
  std::unordered_map<Place, Arrival, PlaceHash> arrivals_;
  std::unordered_map<Place, Stray, PlaceHash> strays_;
};

}  // namespace lookout
