// The started listings of a round or of a crawl. Only the readers of the directories, which it
// owns, make system calls. Reconciler owns it; DirectoryScan and ListingStarter call it.
//
// The first listing is in progress, the others are read ahead. After it is read, its sweep checks
// each child in the tree that the listing did not contain.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

#include "watch/disk/read_ahead.h"
#include "watch/model/tree.h"

namespace lookout {

struct Listing {
  NodeId directory;
  PendingListing entries;
  std::int64_t started;  // inode_clock()
  bool suspect;
  bool awaits;   // new files are checked for writers
  bool trusted;  // its types and inode numbers need no stat
  std::uint64_t device;
  bool ended = false;     // the whole directory was read; the members below are valid then
  int code = 0;           // the errno if it was cut short
  bool deep = false;      // its subdirectories must be listed, too
  NodeId next = kNoNode;  // the next child in the tree to test for Mark::seen
};

class Listings {
 public:
  explicit Listings(const Tree& tree) : tree_(tree) {}
  Listings(const Listings&) = delete;
  Listings& operator=(const Listings&) = delete;

  bool empty() const { return listings_.empty(); }
  std::size_t size() const { return listings_.size(); }
  void add(Listing listing) { listings_.push_back(std::move(listing)); }
  Listing& first() { return listings_.front(); }
  Listing take_first() {
    Listing first = std::move(listings_.front());
    listings_.pop_front();
    return first;
  }
  bool has(NodeId directory) const;
  // Removes and returns the last of the listings that are read ahead; nullopt if there is none.
  std::optional<Listing> take_last_ahead();
  // Reads one more block of the first listing into memory. Returns false when it has no more to
  // read.
  bool read_out() { return !empty() && first().entries.reader().read_out(); }

  // A node is about to be moved in the tree, or removed: if a sweep would test it next, the sweep
  // continues with the next sibling. New entries of a directory are inserted before the others.
  void leave(NodeId node);
  // The tree is about to remove this directory.
  void forget_directory(NodeId directory);
  // Forgets the listings of the directories below a root that was given up.
  template <class IsRemoved>
  void forget_removed(IsRemoved is_removed) {
    std::erase_if(listings_, [&](const Listing& listing) { return is_removed(listing.directory); });
  }

 private:
  const Tree& tree_;
  std::deque<Listing> listings_;
};

}  // namespace lookout
