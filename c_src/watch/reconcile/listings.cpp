#include "watch/reconcile/listings.h"

#include <algorithm>

namespace lookout {

bool Listings::has(NodeId directory) const {
  return std::any_of(listings_.begin(), listings_.end(), [directory](const Listing& listing) {
    return listing.directory == directory;
  });
}

std::optional<Listing> Listings::take_last_ahead() {
  if (listings_.size() < 2) return std::nullopt;
  std::optional<Listing> taken(std::move(listings_.back()));
  listings_.pop_back();
  return taken;
}

void Listings::leave(NodeId node) {
  if (listings_.empty()) return;
  NodeId& next = listings_.front().next;
  if (next == node) next = tree_.next_sibling(node);
}

void Listings::forget_directory(NodeId directory) {
  std::erase_if(listings_,
                [directory](const Listing& listing) { return listing.directory == directory; });
}

}  // namespace lookout
