#include "watch/reconcile/listings.h"

#include <algorithm>

namespace lookout {

bool Listings::read_out() {
  return std::any_of(listings_.begin(), listings_.end(),
                     [](Listing& listing) { return listing.entries.reader().read_out(); });
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
