#include "watch/reconcile/reconciler.h"

#include <sys/resource.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "watch/reconcile/content_marks.h"

namespace lookout {
namespace {

constexpr std::size_t kMaxOpenDirectories = 256;

std::size_t directories_to_keep() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return kMaxOpenDirectories / 4;
  return std::clamp<std::size_t>(limit.rlim_cur / 4, 8, kMaxOpenDirectories);
}

}  // namespace

// --- parts -------------------------------------------------------------------------------------

Reconciler::Records::Records(Tree& tree, ChangeSink& sink)
    : roots(tree),
      moments(tree, roots),
      retries(tree),
      queue(tree, sink),
      notices(tree, sink),
      hard_links(tree, queue),
      departures(tree, queue, progress) {}

Reconciler::Disk::Disk(Reconciler& owner, PathWatches& paths)
    : directories(owner.tree_, directories_to_keep(), owner.mounts_, read_ahead),
      links(owner.tree_, paths),
      files(owner.tree_, owner.visibility_, owner.records_.roots, owner.source_, owner.mounts_,
            owner.records_.notices) {}

Reconciler::Checks::Checks(Reconciler& owner, PathWatches& paths)
    : writers(owner.tree_, owner.records_.roots, owner.mounts_, owner.disk_.directories),
      watcher(owner.tree_, owner.records_.roots, owner.source_, owner.disk_.file_systems,
              owner.disk_.files, owner.records_.moments, owner.records_.retries, owner.failures_,
              owner.records_.notices),
      reader(owner.tree_, owner.visibility_, owner.records_.roots, owner.mounts_,
             owner.disk_.directories, owner.disk_.links, owner.disk_.files, owner.hints_,
             owner.records_.retries, owner.records_.progress, owner.records_.queue,
             owner.records_.notices),
      renames(owner.tree_, owner.records_.roots, owner.disk_.directories, owner.records_.moments,
              owner.records_.departures, reader),
      owners(owner.tree_, owner.source_, paths, owner.records_.progress, owner.records_.hard_links,
             owner.records_.departures, owner.round_.listings, owner.crawl_.listings,
             NodeOwners::Owners(owner.disk_.links, owner.disk_.directories, owner.disk_.files,
                                owner.records_.retries, owner.records_.moments, owner.visibility_,
                                owner.records_.notices, owner.round_.listings,
                                owner.crawl_.listings, owner.round_.rules, owner.crawl_.rules)),
      comparison(owner.tree_, owner.visibility_, owner.records_.roots, owner.disk_.directories,
                 owner.records_.moments, owner.records_.retries, owner.hints_,
                 owner.records_.hard_links, writers, watcher, reader, owner.failures_),
      changes(owner.tree_, owner.visibility_, owner.records_.roots, owner.records_.moments,
              owner.records_.retries, owner.records_.queue, owner.hints_, owner.records_.hard_links,
              owner.records_.departures, writers, owner.failures_, renames, comparison, owners),
      blockers(owner.tree_, owner.disk_.directories, owner.records_.retries, owner.records_.queue,
               owner.records_.departures, writers, reader, owner.failures_, renames, changes,
               owners),
      check(owner.tree_, owner.visibility_, owner.disk_.directories, owner.records_.progress,
            owner.records_.queue, owner.hints_, owner.records_.hard_links,
            owner.records_.departures, writers, reader, owner.failures_, owner.records_.notices,
            comparison, changes) {}

Reconciler::Scan::Scan(Reconciler& owner, Agenda& agenda, ChangeSink* sink, EntryLoader* loader)
    : listings(owner.tree_),
      rules(owner.tree_, owner.visibility_, owner.mounts_, owner.checks_.reader, owner.failures_,
            owner.records_.retries, owner.records_.notices, owner.sink_, agenda),
      reporter(owner.tree_, sink, owner.records_.progress),
      pass{agenda, rules, reporter},
      starter(owner.tree_, owner.visibility_, owner.mounts_, owner.records_.roots,
              owner.disk_.directories, owner.disk_.read_ahead, owner.records_.moments,
              owner.records_.progress, owner.checks_.watcher, owner.failures_,
              owner.checks_.comparison, owner.checks_.check, loader, pass, listings),
      directories(owner.tree_, owner.visibility_, owner.mounts_, owner.disk_.directories,
                  owner.records_.roots, owner.records_.moments, owner.records_.queue,
                  owner.records_.departures, owner.failures_, owner.checks_.reader,
                  owner.checks_.check, loader, pass, listings, starter) {}

Reconciler::Reconciler(Tree& tree, Visibility& visibility, HintSource& source, PathWatches& paths,
                       RemoteMounts& mounts, ChangeSink& sink)
    : tree_(tree),
      visibility_(visibility),
      source_(source),
      mounts_(mounts),
      sink_(sink),
      records_(tree, sink),
      disk_(*this, paths),
      agendas_(tree),
      hints_(tree, visibility, mounts, disk_.directories, disk_.file_systems, disk_.files,
             records_.moments, agendas_.round, sink),
      failures_(tree, mounts, disk_.directories, hints_, records_.moments, records_.retries,
                records_.progress, records_.queue, records_.notices, sink),
      checks_(*this, paths),
      loader_(tree, records_.roots, disk_.directories, hints_, records_.hard_links, checks_.reader,
              failures_, checks_.comparison, agendas_.crawl),
      round_(*this, agendas_.round, &sink, nullptr),
      crawl_(*this, agendas_.crawl, nullptr, &loader_) {}

// --- rounds ------------------------------------------------------------------------------------

bool Reconciler::work() {
  if (records_.departures.any_deletions()) {
    erase(records_.departures.next_deletion());
    return true;
  }
  if (!records_.queue.empty()) {
    checks_.check.check(records_.queue.take(), round_.pass);
    return true;
  }
  if (records_.hard_links.step()) return true;
  // Fewer directories are listed before the thread that reads ahead has started.
  const bool many = agendas_.round.size() + round_.listings.size() >= ReadAhead::kDepth;
  const bool held = records_.progress.holds_listings();
  if (round_.directories.step(held ? 0 : many ? listings_at_once() : 1)) return true;
  if ((held && !agendas_.round.empty()) || settle()) return true;
  // Every hint that was queued when this round began has been processed.
  if (!records_.progress.has_deferred() && !records_.departures.any_blocked() && !must_retry()) {
    records_.moments.end_clean_round();
  }
  return false;
}

// The round has nothing else to check: ends blocks, and deletes what nothing waits for. Returns
// true if there is more work now.
bool Reconciler::settle() {
  return checks_.blockers.step(round(), round_.pass) || records_.departures.queue_expired(round());
}

void Reconciler::begin_round(std::int64_t drained) {
  records_.progress.begin_round();
  records_.moments.begin_round(drained);
  records_.hard_links.begin_round();
  checks_.renames.begin_round();
  hints_.begin_round(round());

  // Both add to the dirty names, which merge them with newer hints about the same names: a write
  // and a removal are then checked as one.
  for (const DirtyName& name : records_.retries.take_names()) {
    hints_.touch(name.directory, name.name, name.hints);
  }
  if (!disk_.links.any_refused()) records_.notices.all_links_followed();
  take_dirty();
  for (const NodeId directory : records_.retries.take_deferred()) {
    agendas_.round.add(directory, false);
  }
}

void Reconciler::continue_round() {
  records_.progress.continue_round();
  hints_.continue_round();
  records_.hard_links.begin_round();
  checks_.renames.begin_round();
  take_dirty();
}

void Reconciler::take_dirty() {
  for (const auto& [directory, name] : disk_.links.take_unchecked()) hints_.add(directory, name, 0);
  for (DirtyName& name : hints_.take_names()) records_.queue.add(std::move(name));
  for (const auto& [identity, hints] : hints_.take_unnamed()) {
    records_.hard_links.pass_on_to_all(identity, hints);
  }
}

bool Reconciler::unsettled() const {
  return hints_.any() || !records_.queue.empty() || records_.hard_links.waiting() > 0 ||
         !agendas_.round.empty() || !round_.listings.empty() || records_.departures.any() ||
         records_.retries.any_deferred() || disk_.links.any_unchecked();
}

std::uint64_t Reconciler::dirty() const {
  return hints_.size() + records_.queue.size() + agendas_.round.size() +
         records_.retries.waiting() + round_.listings.size() + records_.hard_links.waiting();
}

void Reconciler::rest() {
  disk_.directories.rest();
  disk_.read_ahead.rest();
  source_.leave_directory();
  agendas_.round.rest();
  agendas_.crawl.rest();
  records_.retries.rest();
  records_.departures.rest();
  records_.hard_links.rest();
}

// --- checks without a hint ---------------------------------------------------------------------

void Reconciler::poll(std::size_t failures) {
  for (const NodeId directory : records_.retries.polled_directories()) {
    if (tree_.has(directory, DirMark::opaque)) {
      hints_.touch(tree_.parent(directory), tree_.name(directory), 0);
    }
    agendas_.round.add(directory, true);
  }
  for (const auto& [directory, name] : disk_.files.polled()) {
    hints_.touch(directory, name, hint::kSuspect);
  }
  failures_.retry_failed(agendas_.round, failures);
}

void Reconciler::retry() {
  for (const DirtyName& name : records_.retries.take_names()) {
    hints_.touch(name.directory, name.name, name.hints);
  }
  records_.retries.defer_directories();
}

void Reconciler::answered() {
  // Do not repeat the notice for a permanently slow mount.
  if (mounts_.all_prompt()) records_.notices.all_mounts_answer();
  retry();
  failures_.retry_failed(agendas_.round, kAllFailures);
}

void Reconciler::check_waiting_files() {
  for (const auto& [directory, name] : checks_.writers.names()) hints_.add(directory, name, 0);
}

void Reconciler::mounted_behind_links(const std::vector<std::string>& places) {
  for (const auto& [directory, below] : disk_.links.mounted(places)) {
    hints_.touch_below(directory, below);
  }
}

// --- roots -------------------------------------------------------------------------------------

NodeId Reconciler::add_root(const std::string& path, Identity identity, RootOptions options) {
  const NodeId root = tree_.add_root(path, identity);
  visibility_.add_root(root, options.single_files, options.filter, options.above);
  options.crawl_began = inode_clock();
  records_.roots.add(root, std::move(options));
  checks_.reader.found_in_place(root);
  records_.hard_links.forget_compared();
  records_.moments.unconfirm();
  agendas_.crawl.add(root, false);
  return root;
}

bool Reconciler::crawl() {
  if (crawl_.directories.step(listings_at_once()) || loader_.load_link()) return true;
  disk_.read_ahead.rest();
  return false;
}

// Each started listing holds a descriptor, and so does each directory that is still to be closed;
// descriptors may be scarce.
std::size_t Reconciler::listings_at_once() const {
  return disk_.directories.capacity() / 8 >= ReadAhead::kDepth ? ReadAhead::kDepth : 1;
}

void Reconciler::set_rules_above(NodeId root, const ScopePtr& above) {
  if (!visibility_.set_rules_above(root, records_.roots.of(root).filter, above)) return;
  agendas_.round.add_all_below(root);
  sink_.visibility_changed(root);
}

void Reconciler::show_single(NodeId root, const std::string& name) {
  visibility_.show_single(root, name);
  hints_.touch(root, name, 0);
}

void Reconciler::load_single(NodeId root, const std::string& name) {
  visibility_.show_single(root, name);
  if (tree_.child(root, name) == kNoNode) loader_.load(root, name);
}

// Marks every directory, parents first, to be listed and compared.
void Reconciler::compare_since(std::int64_t moment,
                               const std::vector<std::pair<NodeId, std::int64_t>>& moments) {
  records_.moments.resume(moment, moments);
  const bool any_flat = records_.roots.any_flat();
  std::vector<NodeId> all;
  tree_.for_each_directory([&](NodeId directory) {
    if (any_flat && !tree_.is_root(directory) && records_.roots.is_flat(tree_.root_of(directory))) {
      return;
    }
    all.push_back(directory);
  });
  // A scan takes directories from the end of the agenda.
  std::for_each(all.rbegin(), all.rend(),
                [this](NodeId directory) { agendas_.round.add(directory, true); });
}

void Reconciler::adopt_root(NodeId root, RootOptions options, bool was_recursive) {
  visibility_.add_root(root, options.single_files, options.filter, options.above);
  const bool recursive = options.recursive;
  records_.roots.add(root, std::move(options));
  records_.moments.unconfirm();
  if (recursive) return;
  for (NodeId at = tree_.first_child(root); at != kNoNode; at = tree_.next_sibling(at)) {
    if (!tree_.is_directory(at)) continue;
    tree_.set(at, DirMark::opaque);
    if (!was_recursive) continue;
    for (NodeId below = tree_.first_child(at); below != kNoNode;
         below = tree_.next_sibling(below)) {
      remove_root(below, {});
    }
  }
}

// --- deletions ---------------------------------------------------------------------------------

void Reconciler::remove_root(NodeId node, const Departures::Removal& removal) {
  records_.departures.remove_root(node, removal);
  for (Listings* listings : {&round_.listings, &crawl_.listings}) {
    listings->forget_removed(
        [this](NodeId directory) { return records_.departures.is_removed(directory); });
  }
}

void Reconciler::removal_step() {
  erase(records_.departures.next_removal());
}

void Reconciler::erase(const Departures::Deletion& deletion) {
  const NodeId node = deletion.node;
  if (node == kNoNode) return;
  const bool root = tree_.is_root(node);
  // Hints about its content that were not processed in time apply to its other links. If hints may
  // be missing, a process may have written through this link without an event.
  Hints content = marked_content(tree_, node);
  if (content == 0 && records_.moments.is_blind(tree_.parent(node))) {
    content = hint::kClosed | hint::kCompare;
  }
  if (content != 0 && !tree_.is_directory(node)) records_.hard_links.pass_on(node, content);
  if (!root && deletion.reporting) round_.reporter.report(Change::deleted, node);
  const std::string path = root ? tree_.path(node) : std::string();
  checks_.owners.erase(node);
  if (root) {
    records_.roots.forget_root(node);
    records_.notices.forget_root(node, path);
    sink_.root_removed(node);
  }
}

}  // namespace lookout
