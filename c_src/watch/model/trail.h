// The trail records renames that hints and checks have shown in the last rounds. Makes no system
// call.
//
// A hint about content names a place, not an inode. If the file that was written at a place has
// been renamed, once or several times, before that place was checked, the trail leads the hint to
// its new place.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "watch/model/hash.h"
#include "watch/model/hint.h"
#include "watch/model/tree.h"

namespace lookout {

using DirEntry = std::pair<NodeId, std::string>;  // a directory and a name in it

class Trail {
 public:
  // Moves that one call of onward() or leads() looks at: anyone can rename many files through one
  // name.
  static constexpr std::size_t kMostLooks = 256;
  // At this size the caller must call give_up() and scan the places that the trail led to.
  static constexpr std::size_t kMaxMoves = 32768;

  // A hint of the first half of a rename arrived.
  void left(std::uint32_t cookie, DirEntry from);
  // The place that a rename came from, by the cookie of its second half; nullopt if no hint of its
  // first half arrived.
  std::optional<DirEntry> origin(std::uint32_t cookie) const;

  // How a move became known: by the kernel's hints, which are in order with the hints about
  // content, or only by a check that found the entry at another place.
  enum class Known { by_hints, by_check };

  // The entry at `from` was moved to `to`.
  void moved(const DirEntry& from, const DirEntry& to, Known known, std::uint64_t round);
  // An entry was moved to this place; `seen` says whether hints showed all of its moves.
  void arrived(const DirEntry& place, bool seen, std::uint64_t round);
  // Whether hints showed all moves of everything that was moved to this place; nullopt if nothing
  // was moved there.
  std::optional<bool> seen_to(const DirEntry& place) const;
  // The content hints at this place belong to an entry that is no longer there.
  void orphaned(const DirEntry& place, Hints content, std::uint64_t round);

  // The content hints that orphaned() recorded for a place.
  Hints orphaned_at(const DirEntry& place) const;
  // The places that an entry which was once at `place` may have been moved to, by moves whose hints
  // arrived in round `since` or later, or that a check found. The nearest come first. Ends after
  // kMostLooks moves.
  std::vector<DirEntry> onward(const DirEntry& place, std::uint64_t since) const;

  // Whether an entry that was once at `from` may have been moved to `to`. False also if onward()
  // ends before `to`: then the caller compares the entry, as after a move that no hints showed.
  bool leads(const DirEntry& from, const DirEntry& to) const;

  bool full() const { return move_count_ + arrivals_.size() + orphans_.size() >= kMaxMoves; }
  // Returns all places that the trail led to, and empties the trail.
  std::vector<DirEntry> give_up();
  // Forgets what is older than two rounds.
  void prune(std::uint64_t round);

 private:
  struct DirEntryHash {
    std::size_t operator()(const DirEntry& place) const {
      return hash_bytes(place.first, place.second);
    }
  };
  // Moves from one place to another. All hints have one order, and a name has one file at a time.
  // So a file that came to a place with move number n left it with a later move.
  struct Move {
    DirEntry to;
    std::uint64_t first;  // the number of the first move, counted from 1
    std::uint64_t last;   // and of the last one, if there was no other from this place between them
    std::uint64_t round;  // of the last one
  };
  struct MovesFrom {
    std::vector<Move> by_hints;
    std::vector<Move> by_check;  // it is unknown when they happened
  };
  class Search;
  struct Arrival {
    bool seen = true;
    std::uint64_t round = 0;
  };
  struct Orphan {
    Hints content;
    std::uint64_t round;
  };
  struct Left {
    std::uint32_t cookie = 0;
    DirEntry from;
  };

  std::array<Left, 64> left_{};  // the latest first halves, in a ring
  std::size_t left_count_ = 0;
  std::unordered_map<DirEntry, MovesFrom, DirEntryHash> moves_;
  std::size_t move_count_ = 0;  // elements of all MovesFrom
  std::uint64_t moved_ = 0;     // moves since the start
  std::unordered_map<DirEntry, Arrival, DirEntryHash> arrivals_;
  std::unordered_map<DirEntry, Orphan, DirEntryHash> orphans_;
};

}  // namespace lookout
