// Lists directories. The watch comes before the listing, so that no change between the two is
// missed.
#include <algorithm>
#include <cerrno>
#include <utility>

#include "support/error.h"
#include "watch/confinement.h"
#include "watch/reconciler.h"

namespace lookout {
namespace {

constexpr int kItemsAStep = 16;
constexpr int kSweptAStep = 512;
// Longer than a remote file system keeps names that it has looked up (sshfs(1): 20 s).
constexpr std::int64_t kNamesStay = 30'000'000'000;

// The directory is reported without its entries. Returns whether it was reported with them before.
bool make_opaque(Tree& tree, NodeId directory) {
  if (tree.has(directory, DirMark::opaque)) return false;
  tree.set(directory, DirMark::opaque);
  tree.set(directory, DirMark::stale, false);
  tree.set(directory, DirMark::suspect, false);
  return true;
}

bool is_denied(int code) {
  return code == EACCES || code == EPERM;
}

}  // namespace

NodeId Reconciler::add_root(const std::string& path, Identity identity, RootOptions options) {
  const NodeId root = tree_.add_root(path, identity);
  visibility_.add_root(root, options.single_files, options.filter, options.above);
  options.crawl_began = inode_clock();
  roots_.add(root, std::move(options));
  unfollow(root);
  compared_.clear();  // a crawl does not compare the names that it finds
  moments_.doubt();
  Agenda* const before = std::exchange(active_, &crawling_);
  queue_listing(root, false);
  active_ = before;
  return root;
}

void Reconciler::set_rules_above(NodeId root, const ScopePtr& above) {
  if (!visibility_.set_rules_above(root, roots_.of(root).filter, above)) return;
  list_below(root);
  sink_.visibility_changed(root);
}

bool Reconciler::crawl() {
  telling_ = false;
  Agenda* const before = std::exchange(active_, &crawling_);
  // Each started listing holds a descriptor, and so does each directory that is still to be closed;
  // descriptors may be scarce.
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

// Starts a listing if fewer than `depth` have started, otherwise continues the first one. Returns
// false if there is none.
bool Reconciler::list_step(Agenda& agenda, std::size_t depth) {
  if (agenda.listings.size() <= depth / 2) agenda.begins = true;
  if (agenda.listings.size() >= depth) agenda.begins = false;
  if (agenda.begins && !agenda.directories.empty()) {
    const NodeId directory = agenda.directories.back();
    agenda.directories.pop_back();
    // The NodeId may belong to another entry now, or the directory may have been listed already.
    if (tree_.alive(directory) && tree_.is_directory(directory) &&
        tree_.has(directory, DirMark::queued)) {
      tree_.set(directory, DirMark::queued, false);
      if (is_departing(directory)) return true;
      start_listing(agenda, directory);
    }
    return true;
  }
  if (agenda.listings.empty()) return false;
  if (Listing& listing = agenda.listings.front(); listing.ended) {
    if (sweep_step(listing)) return true;
    const Listing done = std::move(listing);
    agenda.listings.pop_front();
    finish_listing(done);
    return true;
  }
  DirectoryReader& reader = agenda.listings.front().entries.reader();
  DirectoryReader::Item item;
  const std::uint64_t before = visibility_.steps();
  for (int i = 0; i < kItemsAStep && visibility_.steps() - before < kStepsASlice; ++i) {
    if (!reader.next(item)) {
      end_listing(agenda.listings.front(), reader.error());
      return true;
    }
    list_item(agenda.listings.front(), item);
  }
  return true;
}

bool Reconciler::read_out() {
  return std::any_of(agenda_.listings.begin(), agenda_.listings.end(),
                     [](Listing& listing) { return listing.entries.reader().read_out(); });
}

void Reconciler::start_listing(Agenda& agenda, NodeId directory) {
  // A directory whose changes may have caused no hint is always compared: this listing may give it
  // a watch, and nothing would check it again.
  const bool suspect = tree_.has(directory, DirMark::suspect) || moments_.is_blind(directory);
  if (mounts_.mounts_when_opened(tree_.identity(directory).device) &&
      leave_out(directory, kAutofs)) {
    return;
  }
  // Opens the directory again, to compare its current mode.
  if (suspect && !tree_.has(directory, DirMark::remote)) directories_.drop(directory);
  const auto opened = directories_.open(directory);
  if (const auto* failure = std::get_if<OpenFailure>(&opened)) {
    switch (failure->kind) {
      case OpenFailure::Kind::moved:
        if (telling_) {
          round_queue_.recheck(failure->node);
        } else if (tree_.is_root(failure->node)) {
          sink_.root_doubted(failure->node);
        } else {
          touch(tree_.parent(failure->node), tree_.name(failure->node), 0);
        }
        progress_.defer();
        if (!progress_.is_stuck()) {
          retries_.defer(directory);
        } else {
          retries_.add_later(directory);
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
  progress_.change();
  // The descriptor of a remote directory may be old, and its mode outdated.
  if (suspect && !tree_.is_root(directory) && !fd->mount()) compare_mode(directory, fd->mode());
  std::int64_t started = inode_clock();
  if (!watch_directory(directory, fd)) return;
  const std::optional<int> refused = load_rules(directory, fd);
  if (!refused) {
    tree_.set(directory, DirMark::queued);
    agenda.directories.push_back(directory);
    return;
  }
  if (*refused != 0) {
    listing_failed(directory, *refused);
    return;
  }
  // set_rules() may have queued it; this call lists it.
  tree_.set(directory, DirMark::queued, false);
  if (const Visibility::Names* names = visibility_.single_names(directory)) {
    tree_.set(directory, DirMark::stale, false);
    tree_.set(directory, DirMark::suspect, false);
    tree_.set(directory, DirMark::unreadable, false);
    for (const std::string& name : *names) list_single(directory, name, suspect);
    if (suspect) moments_.compared(directory, started);
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
  listing.awaits = telling_ && roots_.longest_wait(directory) > 0;
  // If no hints will come, entries are stat'ed from the start, so that they can be compared later.
  listing.trusted = system.trusted && !tree_.has(directory, DirMark::polled);
  tree_.set(directory, DirMark::stale, false);
  tree_.set(directory, DirMark::suspect, false);
  if (!fd->mount() && !agenda.listings.empty()) read_ahead_.read(listing.entries);
  agenda.listings.push_back(std::move(listing));
}

// Loads git's files in a directory, if they count there, one slice per call. If their rules differ
// from those before, everything below is listed again. Returns nullopt if the caller must call
// again before it decides anything else in the directory, an errno if it must try again later, and
// 0 otherwise.
std::optional<int> Reconciler::load_rules(NodeId directory, const DirectoryFd& fd) {
  if (!visibility_.reads_rules(directory)) return 0;
  std::optional<RuleLoad>& load = active_->loading;
  if (!load || load->directory != directory) {
    load.emplace().directory = directory;
    if (const int code = read_rules(directory, fd, *load); code != 0) {
      load.reset();
      return code;
    }
  }
  if (visibility_.parse_step(load->files)) return std::nullopt;
  set_rules(*std::exchange(load, std::nullopt));
  return 0;
}

int Reconciler::read_rules(NodeId directory, const DirectoryFd& fd, RuleLoad& load) {
  // If a file system is mounted at .gitignore, it needs a watch of its own, even if it is not
  // visible.
  if (mounts_.names_mount(".gitignore")) look_in(directory, fd, ".gitignore");
  auto gitignore = read_gitignore(mounts_, fd);
  auto repository = read_repository(mounts_, fd);
  for (const auto& mount : {gitignore.unanswered, repository.unanswered}) {
    if (mount && mount == fd->mount()) return mount->code();
  }
  if (gitignore.unanswered) {
    rules_unanswered({directory, ".gitignore"}, *gitignore.unanswered);
  } else {
    load.files.gitignore = std::move(gitignore.rules);
  }
  if (repository.unanswered) {
    rules_unanswered({directory, ".git"}, *repository.unanswered);
  } else {
    load.files.repository = std::move(repository.rules);
  }
  load.failures = std::move(gitignore.failures);
  for (RuleFailure& failure : repository.failures) load.failures.push_back(std::move(failure));
  for (const RuleFailure& failure : load.failures) {
    // Another process has a lease on the file and may keep it (fcntl(2)): the other files do not
    // wait for that.
    if (failure.code == EAGAIN) {
      retries_.add_failed({directory, ".gitignore"});
    } else if (is_passing(failure.code)) {
      return failure.code;
    }
  }
  return 0;
}

void Reconciler::set_rules(RuleLoad load) {
  const NodeId directory = load.directory;
  std::vector<RuleFailure>& failures = load.failures;
  const bool changed = visibility_.set_rules(directory, load.files, failures);
  if (failures.empty()) {
    reported_.rules_read(directory);
  } else if (reported_.rules_unreadable(directory)) {
    for (const RuleFailure& failure : failures) {
      const std::string path = absolute_rule_file(tree_.path(directory), failure.file);
      sink_.notice(UnreadableNotice{path, failure.reason()});
    }
  }
  if (changed) {
    if (tree_.first_child(directory) != kNoNode) {
      list_below(directory);
    } else {
      queue_listing(directory, false);
    }
    sink_.visibility_changed(directory);
  }
}

// Returns false if the directory cannot be listed now.
bool Reconciler::watch_directory(NodeId directory, const DirectoryFd& fd) {
  if (!is_allowed(fd->get())) {
    if (make_opaque(tree_, directory)) {
      sink_.notice(UnreadableNotice{tree_.path(directory), "not_allowed"});
    }
    return false;
  }
  if (leave_out(directory, file_system(directory, fd).pseudo)) return false;
  if (is_to_be_polled(directory, fd)) {
    start_polling(directory);
    return true;
  }
  const int watch = lookout::watch_directory(source_, fd, roots_.of(directory).backend);
  if (watch >= 0) {
    tree_.set_watch(directory, watch);
    if (tree_.has(directory, DirMark::polled)) {
      tree_.set(directory, DirMark::polled, false);
      retries_.remove_polled(directory);
      if (polled() == 0) reported_.watches_suffice();
    }
    return true;
  }
  switch (errno) {
    case ENOSPC:
      start_polling(directory);
      if (reported_.too_few_watches(tree_.root_of(directory))) {
        sink_.notice(WatchLimitNotice{tree_.path(directory)});
      }
      return true;
    case ENOSYS:
      start_polling(directory);
      return true;
    case ENOENT:  // removed while it was open: the watch of its parent reports that
      return true;
    default:
      listing_failed(directory, errno);
      return false;
  }
}

// Whether hints would not report every change in a directory, or its root asks for polling.
bool Reconciler::is_to_be_polled(NodeId directory, const DirectoryFd& fd) {
  const NodeId root = tree_.root_of(directory);
  switch (roots_.of(root).backend) {
    case Backend::poll:
    case Backend::fswatch:
      return true;
    case Backend::inotify:
    case Backend::fanotify:
      return false;
    case Backend::automatic:
      break;
  }
  const FileSystem& system = file_system(directory, fd);
  const std::string_view name = system.remote.empty() ? system.pseudo : system.remote;
  if (name.empty()) return false;
  if (reported_.polled(root, tree_.identity(directory).device)) {
    sink_.notice(PolledNotice{tree_.path(directory), std::string(name)});
  }
  return true;
}

const FileSystem& Reconciler::file_system(NodeId directory, const DirectoryFd& fd) {
  if (fd->mount()) return fd->system();
  return file_systems_.of(fd->get(), tree_.identity(directory).device);
}

// Whether a directory on a pseudo file system is reported without its entries. It is, unless its
// root is on the same file system or names a backend.
bool Reconciler::leave_out(NodeId directory, std::string_view file_system) {
  if (file_system.empty()) return false;
  const NodeId root = tree_.root_of(directory);
  if (roots_.of(root).backend != Backend::automatic ||
      tree_.identity(directory).device == tree_.identity(root).device) {
    return false;
  }
  if (make_opaque(tree_, directory)) {
    sink_.notice(UnwatchedNotice{tree_.path(directory), std::string(file_system)});
  }
  return true;
}

void Reconciler::start_polling(NodeId directory) {
  tree_.set_watch(directory, -1);
  tree_.set(directory, DirMark::polled);
  retries_.add_polled(directory);
  // A listing that compares the directory finds what has changed since the clean moment.
  moments_.add_blind(directory,
                     tree_.has(directory, DirMark::suspect) ? moments_.clean() : inode_clock());
}

void Reconciler::listing_failed(NodeId directory, int code) {
  tree_.set(directory, DirMark::stale);
  if (is_denied(code)) {
    denied(directory, directory, code);
  } else if (code == ENOENT || code == ESTALE) {
    vanished(directory, code);
  } else if (is_passing(code)) {
    retries_.add_later(directory);
  } else {
    give_up(directory, code);
  }
}

// The directory was removed or renamed, and its old name may still be found for a while. Checks its
// place now and at the next poll, and reports an error only if the condition lasts.
void Reconciler::vanished(NodeId directory, int code) {
  const std::int64_t now = monotonic_clock();
  if (now - retries_.vanished_since(directory, now) >= kNamesStay) {
    return give_up(directory, code);
  }
  if (tree_.is_root(directory)) {
    sink_.root_doubted(directory);
  } else {
    touch(tree_.parent(directory), tree_.name(directory), 0);
  }
  directories_.drop(directory);
  tree_.set(directory, DirMark::suspect);
  moments_.add_blind(directory);
  retries_.add_failed(directory);
}

// Checks the entry of a single file, or loads it during a crawl.
void Reconciler::list_single(NodeId directory, const std::string& name, bool suspect) {
  if (telling_) {
    look({directory, name, suspect ? hint::kSuspect : 0});
  } else if (tree_.child(directory, name) == kNoNode) {
    learn(directory, name);
  }
}

void Reconciler::show_single(NodeId root, const std::string& name) {
  visibility_.show_single(root, name);
  touch(root, name, 0);
}

void Reconciler::load_single(NodeId root, const std::string& name) {
  visibility_.show_single(root, name);
  telling_ = false;
  list_single(root, name, false);
  telling_ = true;
}

void Reconciler::list_item(const Listing& listing, const DirectoryReader::Item& item) {
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
  const Identity listed{listing.device, item.inode};

  if (known == kNoNode) {
    const bool opaque = item.type == EntryType::directory && roots_.is_flat(directory);
    const bool awaited = listing.awaits && item.type == EntryType::file;
    if (believed && !opaque && !awaited && (!telling_ || !tree_.knows(listed))) {
      if (!has_room(directory, item.name, listed.device)) return;
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
  // The entry that was checked may have left its place, and another may have come to it.
  if (const NodeId child = tree_.child(directory, item.name); child != kNoNode) {
    tree_.set(child, Mark::seen);
  }
}

// Whether the queued listing of a directory will compare its mode when it opens the directory.
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

// Whether a directory was given up earlier and may be listed again.
bool Reconciler::needs_listing(NodeId node) const {
  return tree_.is_directory(node) && !tree_.has(node, DirMark::opaque) &&
         !tree_.has(node, DirMark::queued) &&
         (tree_.has(node, DirMark::stale) || tree_.has(node, DirMark::unreadable));
}

// Loads an entry that a crawl has met, if the listing alone does not say enough about it.
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
  if (!has_room(directory, name, seen->identity.device)) return;
  const NodeId made = create(directory, name, seen->type, seen->identity);
  if (seen->type == EntryType::directory) {
    tree_.set_mode(made, static_cast<std::uint16_t>(seen->mode & 07777));
    tree_.set(made, DirMark::linked, seen->linked);
    tree_.set(made, DirMark::mounted, seen->mounted);
    if (!seen->linked) unfollow(made);
    if (tree_.has(made, DirMark::opaque)) watch_opaque(made);
    queue_listing(made, false);
  } else {
    set_signature(made, *seen);
  }
}

// The directory was read to its end, or as far as possible: then `code` is an errno.
void Reconciler::end_listing(Listing& listing, int code) {
  listing.ended = true;
  listing.code = code == ENOENT ? 0 : code;
  listing.deep = tree_.has(listing.directory, DirMark::deep);
  listing.next = tree_.first_child(listing.directory);
}

// Checks the children that the listing did not meet. Returns false when there are no more.
bool Reconciler::sweep_step(Listing& listing) {
  const NodeId directory = listing.directory;
  for (int i = 0; i < kSweptAStep && listing.next != kNoNode; ++i) {
    const NodeId child = std::exchange(listing.next, tree_.next_sibling(listing.next));
    if (listing.deep && tree_.is_directory(child)) list_below(child);
    if (tree_.has(child, Mark::seen)) {
      tree_.set(child, Mark::seen, false);
      continue;
    }
    if (listing.suspect && listing.code == 0) tree_.set(child, Mark::missed);
    // A listing may miss an entry that is renamed meanwhile: check it before it counts as gone.
    if (!tree_.has(child, Mark::parked)) {
      round_queue_.add({directory, std::string(tree_.name(child)), 0});
    }
  }
  return listing.next != kNoNode;
}

// An entry leaves its place in the tree: sweeps that would test it next continue with its sibling.
// Entries that come to the directory are inserted before the existing ones.
void Reconciler::pass_in_sweeps(NodeId node) {
  for (Agenda* agenda : {&agenda_, &crawling_}) {
    if (agenda->listings.empty()) continue;
    NodeId& next = agenda->listings.front().next;
    if (next == node) next = tree_.next_sibling(node);
  }
}

void Reconciler::finish_listing(const Listing& listing) {
  const NodeId directory = listing.directory;
  // Until now the mark has shown that an entry moved out of this directory awaits a listing.
  if (listing.deep && !tree_.has(directory, DirMark::queued)) {
    tree_.set(directory, DirMark::deep, false);
  }
  if (listing.code != 0) {
    tree_.set(directory, DirMark::suspect,
              tree_.has(directory, DirMark::suspect) || listing.suspect);
    listing_failed(directory, listing.code);
  } else {
    const bool incomplete = retries_.is_failed(directory);  // the tree had no room for an entry
    if (!incomplete) tree_.set(directory, DirMark::unreadable, false);
    retries_.found(directory);
    if (listing.suspect) moments_.compared(directory, listing.started);
  }
}

void Reconciler::revive(NodeId directory) {
  // The watch of the directory has ended: another one with the same device and inode number may be
  // at its place.
  if (tree_.watch(directory) < 0 && tree_.has(directory, DirMark::stale) &&
      !tree_.has(directory, DirMark::polled)) {
    queue_listing(directory, true);
  }
  for (const NodeId node : retries_.take_denied_below(directory)) queue_listing(node, true);
}

// `by` is the directory whose mode denies access, as far as that is known.
void Reconciler::denied(NodeId directory, NodeId by, int code) {
  unreadable(by, code);
  tree_.set(directory, DirMark::stale);
  tree_.set(directory, DirMark::suspect);
  moments_.add_blind(directory);  // hints about it are not processed
  retries_.add_denied(directory);
  retries_.add_denied(by);
}

// No event reports when this directory can be read again: it is tried as often as the directories
// without a watch.
void Reconciler::give_up(NodeId directory, int code) {
  unreadable(directory, code);
  tree_.set(directory, DirMark::stale);
  tree_.set(directory, DirMark::suspect);
  moments_.add_blind(directory);
  retries_.add_failed(directory);
}

// Whether the tree has room for one more entry of a directory. If not, the tree does not have the
// whole directory, which is then listed again like one that cannot be read.
bool Reconciler::has_room(NodeId directory, std::string_view name, std::uint64_t device) {
  if (tree_.has_room(name, device)) return true;
  give_up(directory, EOVERFLOW);
  return false;
}

void Reconciler::unreadable(NodeId directory, int code) {
  if (code == ETIMEDOUT && tree_.has(directory, DirMark::remote)) {
    say_unanswered(tree_.path(top_of_mount(directory)));
    return;
  }
  // Reports a dead server once, for the whole mount.
  if (code == ENOTCONN || code == ECONNABORTED) directory = top_of_mount(directory);
  if (tree_.has(directory, DirMark::unreadable)) return;
  tree_.set(directory, DirMark::unreadable);
  sink_.notice(UnreadableNotice{tree_.path(directory), errno_name(code)});
}

}  // namespace lookout
