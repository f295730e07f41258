#include "watch/reconcile/listing_starter.h"

#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "watch/disk/disk.h"
#include "watch/disk/remote_calls.h"

namespace lookout {

void ListingStarter::start(NodeId directory) {
  // A directory whose changes may have caused no hint is always compared: this listing may give it
  // a watch, and nothing would check it again.
  const bool suspect = tree_.has(directory, DirMark::suspect) || moments_.is_blind(directory);
  if (mounts_.mounts_when_opened(tree_.identity(directory).device) &&
      watcher_.leaves_out(directory, kAutofs)) {
    return;
  }
  // Opens the directory again, to compare its current mode.
  if (suspect && !tree_.has(directory, DirMark::remote)) directories_.drop(directory);
  const auto opened = directories_.open(directory);
  if (const auto* failure = std::get_if<OpenFailure>(&opened)) {
    failures_.open_failed(directory, *failure, loader_ == nullptr);
    return;
  }
  const DirectoryFd& fd = std::get<DirectoryFd>(opened);
  progress_.list();
  failures_.open_succeeded(directory, *fd, pass_.agenda);
  // The descriptor of a remote directory may be old, and its mode outdated.
  if (suspect && !tree_.is_root(directory) && !fd->mount()) {
    comparison_.compare_mode(directory, fd->mode(), pass_);
  }
  const std::int64_t started = inode_clock();
  if (!watcher_.watch(directory, fd)) return;
  // Nothing yet: loading may take several steps, so this directory is taken up again later.
  const std::optional<int> loaded = pass_.rules.load(directory, fd);
  if (!loaded) {
    pass_.agenda.add_back(directory);
    return;
  }
  if (*loaded != 0) {
    failures_.listing_failed(directory, *loaded);
    return;
  }
  pass_.agenda.begins(directory);
  // The new rules may have queued it; this call lists it.
  tree_.set(directory, DirMark::queued, false);
  if (const Visibility::Names* names = visibility_.single_names(directory)) {
    check_single_files(directory, *names, suspect, started);
  } else {
    open_listing(directory, fd, suspect, started);
  }
}

void ListingStarter::check_single_files(NodeId directory, const Visibility::Names& names,
                                        bool suspect, std::int64_t started) {
  tree_.set(directory, DirMark::stale, false);
  tree_.set(directory, DirMark::suspect, false);
  tree_.set(directory, DirMark::unreadable, false);
  for (const std::string& name : names) {
    if (loader_ == nullptr) {
      check_.check({directory, name, suspect ? hint::kSuspect : 0}, pass_);
    } else if (tree_.child(directory, name) == kNoNode) {
      loader_->load(directory, name);
    }
  }
  if (suspect) moments_.compared(directory, started);
}

void ListingStarter::open_listing(NodeId directory, const DirectoryFd& fd, bool suspect,
                                  std::int64_t started) {
  const FileSystem system = watcher_.for_listing(directory, fd);
  DirectoryReader reader = read_directory(fd, system.live, started);
  if (const int code = reader.error(); code != 0) {
    failures_.listing_failed(directory, code);
    return;
  }
  Listing listing{directory, PendingListing(std::move(reader)), started, suspect, false,
                  false,     tree_.identity(directory).device};
  listing.awaits = pass_.reporter.reports() && roots_.longest_wait(directory) > 0;
  // If no hints will come, entries are stat'ed from the start, so that they can be compared later.
  listing.trusted = system.trusted && !tree_.has(directory, DirMark::polled);
  tree_.set(directory, DirMark::stale, false);
  tree_.set(directory, DirMark::suspect, false);
  if (!fd->mount() && !listings_.empty()) {
    const bool compares = suspect && loader_ == nullptr && listing.trusted;
    read_ahead_.read(listing.entries, compares ? mounts_.names() : nullptr);
  }
  listings_.add(std::move(listing));
}

}  // namespace lookout
