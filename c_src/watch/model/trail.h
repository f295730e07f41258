// The renames of the last rounds, from hints and from checks. HintIntake owns it and calls it.
// Makes no system call.
//
// A hint about content identifies an entry by its directory and name, not by its inode. If the file
// was renamed between the write and the check, the trail yields the entries that the file may be
// now, so that the hint is passed on to them.
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

// A directory and a name in it, whether or not an entry exists there.
using DirEntry = std::pair<NodeId, std::string>;

class Trail {
 public:
  // One call of onward() or leads() visits this many moves at most: anyone can rename many files
  // through one name.
  static constexpr std::size_t kMaxVisits = 256;
  // When full() is true, the caller must call take_all() and list the directories of the result.
  static constexpr std::size_t kMaxRecords = 32768;

  // Records the first half of a rename. Keeps the last 64.
  void add_moved_from(std::uint32_t cookie, DirEntry from);
  // Returns the source of the rename whose second half has this cookie. Returns nullopt if its
  // first half was not recorded, or is no longer kept.
  std::optional<DirEntry> moved_from(std::uint32_t cookie) const;

  // What reported a move: the kernel's hints, whose order relative to the hints about content is
  // known, or only a check that found the entry under another name.
  enum class Known { by_hints, by_check };

  // Records that the entry at `from` was moved to `to`.
  void add_move(const DirEntry& from, const DirEntry& to, Known known, std::uint64_t round);
  // Records that something was moved to `entry`. `hinted`: hints reported all of its moves.
  void add_arrival(const DirEntry& entry, bool hinted, std::uint64_t round);
  // Returns whether hints reported all moves of everything that was moved to `entry`. Returns
  // nullopt if nothing was moved there.
  std::optional<bool> all_hinted(const DirEntry& entry) const;
  // Records content hints of a file that is no longer at `entry`.
  void add_orphaned(const DirEntry& entry, Hints content, std::uint64_t round);
  // Returns the content hints that add_orphaned() recorded for `entry`.
  Hints orphaned_at(const DirEntry& entry) const;

  // Returns the entries to which a file that was at `entry` may have been moved: by moves whose
  // hints arrived after move number `since`, and by moves that a check found. The fewest moves come
  // first. Ends after kMaxVisits moves.
  std::vector<DirEntry> onward(const DirEntry& entry, std::uint64_t since) const;
  // The number of the last move; 0 if there was none.
  std::uint64_t moves() const { return moved_; }
  // Returns whether onward() of `from` contains `to`. False does not prove that there was no such
  // move. The caller then compares the entry, as after a move without hints.
  bool leads(const DirEntry& from, const DirEntry& to) const;

  bool full() const { return move_count_ + arrivals_.size() + orphans_.size() >= kMaxRecords; }
  // Returns every entry to which something was moved or which has orphaned hints, and removes all
  // records except the first halves of renames.
  std::vector<DirEntry> take_all();
  // Removes the records that are more than two rounds older than `round`.
  void prune(std::uint64_t round);

 private:
  struct DirEntryHash {
    std::size_t operator()(const DirEntry& entry) const {
      return hash_bytes(entry.first, entry.second);
    }
  };
  // Moves from one name to another. All hints have one order, and a name has one file at a time. So
  // a file that came to a name with move number n left it with a later move.
  struct Move {
    DirEntry to;
    std::uint64_t first;  // the number of the first move, counted from 1
    std::uint64_t last;   // and of the last one; no other move from this name was between them
    std::uint64_t round;  // of the last one
  };
  struct MovesFrom {
    std::vector<Move> by_hints;
    std::vector<Move> by_check;  // it is unknown when they happened
  };
  class Search;
  struct Arrival {
    bool hinted = true;
    std::uint64_t round = 0;
  };
  struct Orphan {
    Hints content;
    std::uint64_t round;
  };
  struct FirstHalf {
    std::uint32_t cookie = 0;
    DirEntry from;
  };

  std::array<FirstHalf, 64> first_halves_{};  // the latest ones, in a ring
  std::size_t first_half_count_ = 0;
  std::unordered_map<DirEntry, MovesFrom, DirEntryHash> moves_;
  std::size_t move_count_ = 0;  // elements of all MovesFrom
  std::uint64_t moved_ = 0;     // moves since the start
  std::unordered_map<DirEntry, Arrival, DirEntryHash> arrivals_;
  std::unordered_map<DirEntry, Orphan, DirEntryHash> orphans_;
};

}  // namespace lookout
