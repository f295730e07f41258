// Listing directories: watch first, list second, so that nothing can slip between.
#include <cerrno>
#include <utility>

#include "support/error.h"
#include "watch/reconciler.h"

namespace lookout {
namespace {

constexpr int kItemsAStep = 16;

bool is_denied(int code) {
  return code == EACCES || code == EPERM;
}

}  // namespace

NodeId Reconciler::plant(const std::string& path, Identity identity, RootOptions options) {
  const NodeId root = tree_.add_root(path, identity);
  following_ = following_ || options.follow_symlinks;
  awaiting_ = awaiting_ || options.await > 0;
  visibility_.plant(root, options.only, options.filter, options.above);
  options.planted = inode_clock();
  roots_[root] = std::move(options);
  unfollow(root);
  confirmed_ = false;
  Agenda* const before = std::exchange(active_, &crawling_);
  queue_listing(root, false);
  active_ = before;
  return root;
}

bool Reconciler::crawl() {
  telling_ = false;
  Agenda* const before = std::exchange(active_, &crawling_);
  // Each holds a descriptor, and so does each that is to be closed; there may be few.
  const bool roomy = directories_.capacity() / 8 >= ReadAhead::kDepth;
  const bool more = list_step(crawling_, roomy ? ReadAhead::kDepth : 1) || learn_link();
  if (!more) read_ahead_.rest();
  active_ = before;
  telling_ = true;
  return more;
}

void Reconciler::queue_listing(NodeId directory, bool suspect) {
  if (tree_.has(directory, DirMark::opaque)) return;
  tree_.set(directory, DirMark::stale);
  if (suspect) tree_.set(directory, DirMark::suspect);
  if (tree_.has(directory, DirMark::queued)) return;
  tree_.set(directory, DirMark::queued);
  active_->directories.push_back(directory);
}

// Starts a listing where fewer than `depth` have begun, or goes on with the first; false when there
// is none.
bool Reconciler::list_step(Agenda& agenda, std::size_t depth) {
  if (agenda.listings.size() <= depth / 2) agenda.begins = true;
  if (agenda.listings.size() >= depth) agenda.begins = false;
  if (agenda.begins && !agenda.directories.empty()) {
    const NodeId directory = agenda.directories.back();
    agenda.directories.pop_back();
    // The number may stand for another entry by now, or the listing may have been done.
    if (tree_.alive(directory) && tree_.is_directory(directory) &&
        tree_.has(directory, DirMark::queued)) {
      tree_.set(directory, DirMark::queued, false);
      start_listing(agenda, directory);
    }
    return true;
  }
  if (agenda.listings.empty()) return false;
  DirectoryReader& reader = agenda.listings.front().entries.reader();
  DirectoryReader::Item item;
  for (int i = 0; i < kItemsAStep; ++i) {
    if (!reader.next(item)) {
      const Listing done = std::move(agenda.listings.front());
      agenda.listings.pop_front();
      finish_listing(done, reader.error());
      return true;
    }
    list_item(agenda.listings.front(), item);
  }
  return true;
}

void Reconciler::start_listing(Agenda& agenda, NodeId directory) {
  // Whatever one is listed for whose changes may not have been hinted: it may get its watch by
  // this, and nothing would look at it again.
  const bool suspect = tree_.has(directory, DirMark::suspect) || blind_.count(directory) != 0;
  // The mode is compared as it is now.
  if (suspect && !tree_.has(directory, DirMark::remote)) directories_.drop(directory);
  const auto opened = directories_.open(directory);
  if (const auto* failure = std::get_if<OpenFailure>(&opened)) {
    switch (failure->kind) {
      case OpenFailure::Kind::moved:
        if (telling_) {
          doubt(failure->node);
        } else if (tree_.is_root(failure->node)) {
          roots_in_doubt_ = true;
        } else {
          touch(tree_.parent(failure->node), tree_.name(failure->node), 0);
        }
        put_off_ = true;
        if (!stuck()) {
          deferred_.push_back(directory);
        } else {
          later_directories_.push_back(directory);
        }
        break;
      case OpenFailure::Kind::denied:
        denied(directory, failure->node, failure->code);
        break;
      case OpenFailure::Kind::failed:
        listing_failed(directory, failure->code);
        break;
    }
    return;
  }
  const DirectoryFd& fd = std::get<DirectoryFd>(opened);
  progressed_ = true;
  // Of a remote one it may be an old descriptor.
  if (suspect && !tree_.is_root(directory) && !fd->mount()) compare_mode(directory, fd->mode());
  std::int64_t started = inode_clock();
  if (!watch_directory(directory, fd)) return;
  if (const int code = learn_rules(directory, fd); code != 0) {
    listing_failed(directory, code);
    return;
  }
  tree_.set(directory, DirMark::queued, false);  // by new rules; it is being listed
  if (const std::string* name = visibility_.single_name(directory)) {
    list_single(directory, *name, suspect);
    if (suspect) compared(directory, started);
    return;
  }
  const std::uint64_t device = tree_.identity(directory).device;
  const FileSystem system = fd->mount() ? FileSystem{} : file_systems_.of(fd->get(), device);
  DirectoryReader reader = read_directory(fd, system.live, started);
  if (const int code = reader.error(); code != 0) {
    listing_failed(directory, code);
    return;
  }
  Listing listing{directory, PendingListing(std::move(reader)), started, suspect, false, false,
                  device};
  listing.awaits = telling_ && longest_hold(directory) > 0;
  // Where hints will not come, entries are looked at from the first, to be compared later.
  listing.trusted = system.trusted && !tree_.has(directory, DirMark::polled);
  tree_.set(directory, DirMark::stale, false);
  tree_.set(directory, DirMark::suspect, false);
  if (!fd->mount() && !agenda.listings.empty()) read_ahead_.read(listing.entries);
  agenda.listings.push_back(std::move(listing));
}

// Reads what git's files in a directory say, where they count. When that is something else than
// before, what lies below is listed again. Returns an errno where that is to be tried again.
int Reconciler::learn_rules(NodeId directory, const DirectoryFd& fd) {
  if (!visibility_.reads_rules(directory)) return 0;
  std::vector<RuleFailure> failures;
  auto files = read_rule_files(fd, failures);
  if (!files) return fd->mount()->code();
  for (const RuleFailure& failure : failures) {
    if (is_passing(failure.code)) return failure.code;
  }
  if (failures.empty()) {
    rules_unreadable_.erase(directory);
  } else if (rules_unreadable_.insert(directory).second) {
    for (const auto& [file, code] : failures) {
      const std::string path = tree_.path(directory) + '/' + file;
      sink_.notice(UnreadableNotice{file.starts_with('/') ? file : path, errno_name(code)});
    }
  }
  if (visibility_.learn(directory, std::move(*files))) {
    list_below(directory);
    roots_in_doubt_ = true;  // others may be covered by this one now, or no more
  }
  return 0;
}

// Returns false where the directory cannot be listed now.
bool Reconciler::watch_directory(NodeId directory, const DirectoryFd& fd) {
  if (is_to_be_polled(directory, fd)) {
    start_polling(directory);
    return true;
  }
  const int watch =
      lookout::watch_directory(source_, fd, roots_.at(tree_.root_of(directory)).backend);
  if (watch >= 0) {
    tree_.set_watch(directory, watch);
    if (tree_.has(directory, DirMark::polled)) {
      tree_.set(directory, DirMark::polled, false);
      polled_.erase(directory);
      if (polled_.empty()) roots_limited_.clear();
    }
    return true;
  }
  switch (errno) {
    case ENOSPC:
      start_polling(directory);
      if (roots_limited_.insert(tree_.root_of(directory)).second) {
        sink_.notice(WatchLimitNotice{tree_.path(directory)});
      }
      return true;
    case ENOSYS:
      start_polling(directory);
      return true;
    case ENOENT:  // removed while it was open: its parent's watch tells
      return true;
    default:
      listing_failed(directory, errno);
      return false;
  }
}

// Whether hints would not tell everything of a directory, or are not wanted.
bool Reconciler::is_to_be_polled(NodeId directory, const DirectoryFd& fd) {
  const NodeId root = tree_.root_of(directory);
  switch (roots_.at(root).backend) {
    case Backend::poll:
    case Backend::fswatch:
      return true;
    case Backend::inotify:
    case Backend::fanotify:
      return false;
    case Backend::automatic:
      break;
  }
  const std::uint64_t device = tree_.identity(directory).device;
  const FileSystem& system = fd->mount() ? fd->system() : file_systems_.of(fd->get(), device);
  const std::string_view remote = system.remote;
  if (remote.empty()) return false;
  if (roots_polled_.emplace(root, device).second) {
    sink_.notice(PolledNotice{tree_.path(directory), std::string(remote)});
  }
  return true;
}

void Reconciler::start_polling(NodeId directory) {
  tree_.set_watch(directory, -1);
  tree_.set(directory, DirMark::polled);
  polled_.insert(directory);
  blind_.try_emplace(directory, inode_clock());
}

void Reconciler::listing_failed(NodeId directory, int code) {
  tree_.set(directory, DirMark::stale);
  if (is_denied(code)) {
    denied(directory, directory, code);
  } else if (is_passing(code)) {
    later_directories_.push_back(directory);
  } else {
    give_up(directory, code);
  }
}

// Of a single file only its own entry is looked at.
void Reconciler::list_single(NodeId directory, const std::string& name, bool suspect) {
  tree_.set(directory, DirMark::stale, false);
  tree_.set(directory, DirMark::suspect, false);
  tree_.set(directory, DirMark::unreadable, false);
  if (telling_) {
    look({directory, name, suspect ? hint::kSuspect : 0});
  } else {
    learn(directory, name);
  }
}

void Reconciler::list_item(const Listing& listing, const DirectoryReader::Item& item) {
  const NodeId directory = listing.directory;
  const bool link = item.type == EntryType::symlink && follows(directory);
  const bool believed = listing.trusted && item.type.has_value() && !link;
  if (believed ? !visibility_.shows(directory, item.name, *item.type)
               : !visibility_.may_show(directory, item.name)) {
    return;
  }
  const NodeId known = tree_.child(directory, item.name);
  const Identity listed{listing.device, item.inode};

  if (known == kNoNode) {
    const bool opaque = item.type == EntryType::directory && is_opaque_in(directory);
    const bool awaited = listing.awaits && item.type == EntryType::file;
    if (believed && !opaque && !awaited && (!telling_ || !tree_.knows(listed))) {
      const NodeId made = create(directory, item.name, *item.type, listed);
      tree_.set(made, Mark::seen);
      tell(Change::created, made);
      if (*item.type == EntryType::directory) {
        unfollow(made);
        tree_.set(made, DirMark::provisional);
        queue_listing(made, false);
      }
      return;
    }
    if (telling_) {
      look({directory, item.name, 0});
    } else if (link) {
      crawled_links_.emplace_back(directory, item.name);
    } else {
      learn(directory, item.name);
    }
  } else {
    const bool same = believed && tree_.type(known) == *item.type &&
                      tree_.identity(known) == listed && !tree_.has(known, Mark::parked);
    if (needs_listing(known)) queue_listing(known, true);
    if (same && (!listing.suspect || is_to_be_compared(known))) {
      tree_.set(known, Mark::seen);
      return;
    }
    look({directory, item.name, listing.suspect ? hint::kSuspect : 0});
  }
  // What was looked at may have left its place, and another may have come to it.
  if (const NodeId child = tree_.child(directory, item.name); child != kNoNode) {
    tree_.set(child, Mark::seen);
  }
}

// A directory whose mode is compared when it is opened to be listed, which will be.
bool Reconciler::is_to_be_compared(NodeId node) const {
  return tree_.is_directory(node) && tree_.has(node, DirMark::queued) &&
         tree_.has(node, DirMark::suspect) && !tree_.has(node, DirMark::linked);
}

void Reconciler::compare_mode(NodeId directory, std::uint16_t mode) {
  const bool known = !tree_.has(directory, DirMark::provisional);
  const bool differs = known && tree_.mode(directory) != mode;
  tree_.set_mode(directory, mode);
  if (!differs) return;
  tell(Change::attributes, directory);
  revive(directory);
}

// A directory that was given up before and may be listed again.
bool Reconciler::needs_listing(NodeId node) const {
  return tree_.is_directory(node) && !tree_.has(node, DirMark::opaque) &&
         !tree_.has(node, DirMark::queued) &&
         (tree_.has(node, DirMark::stale) || tree_.has(node, DirMark::unreadable));
}

// An entry met by a crawl where the listing alone does not tell what it is.
void Reconciler::learn(NodeId directory, const std::string& name) {
  const auto opened = directories_.open(directory);
  if (!std::holds_alternative<DirectoryFd>(opened)) {
    touch(directory, name, 0);
    return;
  }
  const auto looked = look_in(directory, std::get<DirectoryFd>(opened), name);
  const Look* seen = std::get_if<Look>(&looked);
  if (seen == nullptr) {
    if (std::get<int>(looked) == ENOENT) return;  // gone, or not visible
    touch(directory, name, 0);
    return;
  }
  const NodeId made = create(directory, name, seen->type, seen->identity);
  if (seen->type == EntryType::directory) {
    tree_.set_mode(made, static_cast<std::uint16_t>(seen->mode & 07777));
    tree_.set(made, DirMark::linked, seen->linked);
    if (!seen->linked) unfollow(made);
    if (tree_.has(made, DirMark::opaque)) watch_opaque(made);
    queue_listing(made, false);
  } else {
    tree_.set_signature(made, seen->signature());
  }
}

// `code` is an errno where it ended early.
void Reconciler::finish_listing(const Listing& listing, int code) {
  const NodeId directory = listing.directory;
  const bool failed = code != 0 && code != ENOENT;
  for (NodeId child = tree_.first_child(directory); child != kNoNode;
       child = tree_.next_sibling(child)) {
    if (tree_.has(child, Mark::seen)) {
      tree_.set(child, Mark::seen, false);
      continue;
    }
    if (listing.suspect && !failed) tree_.set(child, Mark::missed);
    // A listing may miss what is renamed meanwhile: look before it is believed to be gone.
    if (!tree_.has(child, Mark::parked)) {
      current_.push_back({directory, std::string(tree_.name(child)), 0});
    }
  }
  if (failed) {
    tree_.set(directory, DirMark::suspect,
              tree_.has(directory, DirMark::suspect) || listing.suspect);
    listing_failed(directory, code);
  } else {
    tree_.set(directory, DirMark::unreadable, false);
    if (listing.suspect) compared(directory, listing.started);
  }
}

// All entries of a directory were compared after `started`.
void Reconciler::compared(NodeId directory, std::int64_t started) {
  const auto blind = blind_.find(directory);
  if (blind == blind_.end()) return;
  if (tree_.watch(directory) < 0) {
    blind->second = started;
  } else {
    blind_.erase(blind);
  }
}

void Reconciler::revive(NodeId directory) {
  // Its watch has ended: another may stand there under the same numbers.
  if (tree_.watch(directory) < 0 && tree_.has(directory, DirMark::stale) &&
      !tree_.has(directory, DirMark::polled)) {
    queue_listing(directory, true);
  }
  std::erase_if(denied_, [&](NodeId node) {
    if (!tree_.is_below(node, directory)) return false;
    queue_listing(node, true);
    return true;
  });
}

// `by` is the directory whose mode is in the way, as far as it is known.
void Reconciler::denied(NodeId directory, NodeId by, int code) {
  unreadable(by, code);
  tree_.set(directory, DirMark::stale);
  tree_.set(directory, DirMark::suspect);
  blind_.try_emplace(directory, clean_);  // what was hinted of it is not looked into
  denied_.insert(directory);
  denied_.insert(by);
}

// Nothing will hint at it when this directory can be looked into again: it is tried as often as
// those without a watch.
void Reconciler::give_up(NodeId directory, int code) {
  unreadable(directory, code);
  tree_.set(directory, DirMark::stale);
  tree_.set(directory, DirMark::suspect);
  blind_.try_emplace(directory, clean_);
  failed_.insert(directory);
}

void Reconciler::unreadable(NodeId directory, int code) {
  if (code == ETIMEDOUT && tree_.has(directory, DirMark::remote)) {
    say_unanswered(tree_.path(top_of_mount(directory)));
    return;
  }
  if (tree_.has(directory, DirMark::unreadable)) return;
  tree_.set(directory, DirMark::unreadable);
  sink_.notice(UnreadableNotice{tree_.path(directory), errno_name(code)});
}

}  // namespace lookout
