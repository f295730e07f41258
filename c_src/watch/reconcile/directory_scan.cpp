#include "watch/reconcile/directory_scan.h"

#include <cerrno>
#include <string>
#include <utility>

#include "watch/reconcile/step_budget.h"

namespace lookout {
namespace {

constexpr int kItemsPerStep = 16;
constexpr int kSweptPerStep = 512;

}  // namespace

bool DirectoryScan::step(std::size_t depth) {
  if (listings_.size() <= depth / 2) begins_ = true;
  if (listings_.size() >= depth) begins_ = false;
  // A directory that is being listed is listed once more when that has ended.
  if (begins_ && !pass_.agenda.empty() && !listings_.has(pass_.agenda.next())) {
    const NodeId directory = pass_.agenda.take();
    if (directory != kNoNode && !departures_.is_removed(directory)) starter_.start(directory);
    return true;
  }
  if (listings_.empty()) return false;
  if (listings_.first().ended) {
    if (!sweep_step(listings_.first())) finish(listings_.take_first());
    return true;
  }
  DirectoryReader& reader = listings_.first().entries.reader();
  DirectoryReader::Item item;
  const StepBudget budget(visibility_, reader_, directories_, mounts_);
  for (int i = 0; i < kItemsPerStep && !budget.is_spent(); ++i) {
    if (!reader.next(item)) {
      end_listing(listings_.first(), reader.error());
      return true;
    }
    take_item(listings_.first(), item);
  }
  return true;
}

// Restores what the starts of the listings took from the marks.
void DirectoryScan::put_back() {
  while (const auto listing = listings_.take_last_ahead()) {
    pass_.agenda.add(listing->directory, listing->suspect);
  }
}

void DirectoryScan::take_item(const Listing& listing, const DirectoryReader::Item& item) {
  const NodeId directory = listing.directory;
  const bool link = item.type == EntryType::symlink && roots_.follows(directory);
  // At a mount point, the listing has the inode number of the entry below the mount.
  const bool believed =
      listing.trusted && item.type.has_value() && !link && !mounts_.names_mount(item.name);
  if (believed ? !visibility_.shows(directory, item.name, *item.type)
               : !visibility_.may_show(directory, item.name)) {
    return;
  }
  const NodeId known = tree_.child(directory, item.name);
  if (known == kNoNode) {
    add_item(listing, item, believed, link);
  } else {
    compare_item(listing, item, known, believed);
  }
}

void DirectoryScan::add_item(const Listing& listing, const DirectoryReader::Item& item,
                             bool believed, bool link) {
  const NodeId directory = listing.directory;
  const Identity listed{listing.device, item.inode};
  const bool opaque = item.type == EntryType::directory && roots_.is_flat(directory);
  const bool awaited = listing.awaits && item.type == EntryType::file;
  if (believed && !opaque && !awaited && (loader_ != nullptr || !tree_.knows(listed))) {
    if (!failures_.require_room(directory, item.name, listed.device)) return;
    const NodeId made = add_entry(tree_, roots_, directory, item.name, *item.type, listed);
    tree_.set(made, Mark::seen);
    pass_.reporter.report(Change::created, made);
    if (*item.type == EntryType::directory) {
      reader_.found_in_place(made);
      tree_.set(made, DirMark::provisional);
      pass_.agenda.add(made, false);
    }
    return;
  }
  if (loader_ == nullptr) {
    check_.check({directory, item.name, 0}, pass_);
  } else if (link) {
    loader_->add_link(directory, item.name);
  } else {
    loader_->load(directory, item.name);
  }
  if (const NodeId child = tree_.child(directory, item.name); child != kNoNode) {
    tree_.set(child, Mark::seen);
  }
}

void DirectoryScan::compare_item(const Listing& listing, const DirectoryReader::Item& item,
                                 NodeId known, bool believed) {
  const NodeId directory = listing.directory;
  const bool same = believed && tree_.type(known) == *item.type &&
                    tree_.identity(known) == Identity{listing.device, item.inode} &&
                    !tree_.has(known, Mark::parked);
  if (needs_listing(known)) pass_.agenda.add(known, true);
  if (same && (!listing.suspect || is_to_be_compared(known))) {
    tree_.set(known, Mark::seen);
    return;
  }
  if (same && item.status != nullptr && check_.confirm(known, item.name, *item.status)) {
    tree_.set(known, Mark::seen);
    return;
  }
  check_.check({directory, item.name, listing.suspect ? hint::kSuspect : 0}, pass_);
  // The entry that was checked may have been moved or deleted, and replaced by another.
  if (const NodeId child = tree_.child(directory, item.name); child != kNoNode) {
    tree_.set(child, Mark::seen);
  }
}

// Whether the queued listing of a directory will compare its mode when it opens the directory.
bool DirectoryScan::is_to_be_compared(NodeId node) const {
  return tree_.is_directory(node) && tree_.has(node, DirMark::queued) &&
         tree_.has(node, DirMark::suspect) && !tree_.has(node, DirMark::linked);
}

// Whether a directory was given up earlier and may be listed again.
bool DirectoryScan::needs_listing(NodeId node) const {
  return tree_.is_directory(node) && !tree_.has(node, DirMark::opaque) &&
         !tree_.has(node, DirMark::queued) &&
         (tree_.has(node, DirMark::stale) || tree_.has(node, DirMark::unreadable));
}

// The directory was read to its end, or as far as possible: then `code` is an errno.
void DirectoryScan::end_listing(Listing& listing, int code) {
  listing.ended = true;
  listing.code = code == ENOENT ? 0 : code;
  listing.deep = tree_.has(listing.directory, DirMark::deep);
  listing.next = tree_.first_child(listing.directory);
}

// Checks the children that the listing did not meet. Returns false when there are no more.
bool DirectoryScan::sweep_step(Listing& listing) {
  for (int i = 0; i < kSweptPerStep && listing.next != kNoNode; ++i) {
    const NodeId child = std::exchange(listing.next, tree_.next_sibling(listing.next));
    if (listing.deep && tree_.is_directory(child)) pass_.agenda.continue_below(child);
    if (tree_.has(child, Mark::seen)) {
      tree_.set(child, Mark::seen, false);
      continue;
    }
    if (listing.suspect && listing.code == 0) tree_.set(child, Mark::missed);
    // A listing may miss an entry that is renamed meanwhile: check it before it counts as gone.
    if (!tree_.has(child, Mark::parked)) queue_.recheck(child);
  }
  return listing.next != kNoNode;
}

void DirectoryScan::finish(const Listing& listing) {
  const NodeId directory = listing.directory;
  // Until now the mark has shown that an entry moved out of this directory awaits a listing.
  if (listing.deep && !tree_.has(directory, DirMark::queued)) {
    tree_.set(directory, DirMark::deep, false);
  }
  if (listing.code != 0) {
    tree_.set(directory, DirMark::suspect,
              tree_.has(directory, DirMark::suspect) || listing.suspect);
    failures_.listing_failed(directory, listing.code);
  } else {
    failures_.listing_succeeded(directory);
    if (listing.suspect) moments_.compared(directory, listing.started);
  }
}

}  // namespace lookout
