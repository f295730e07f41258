// Rounds, and checks of single entries.
#include "watch/reconciler.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace lookout {
namespace {

constexpr std::size_t kMostOpenDirectories = 256;

std::size_t directories_to_keep() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return kMostOpenDirectories / 4;
  return std::clamp<std::size_t>(limit.rlim_cur / 4, 8, kMostOpenDirectories);
}

// Empties a container and frees the memory that it kept for many elements.
template <class Container>
void clear_and_free(Container& container) {
  Container().swap(container);
}

}  // namespace

Reconciler::Reconciler(Tree& tree, Visibility& visibility, HintSource& source, PathWatches& paths,
                       RemoteMounts& mounts, ChangeSink& sink)
    : tree_(tree),
      visibility_(visibility),
      source_(source),
      paths_(paths),
      mounts_(mounts),
      sink_(sink),
      roots_(tree),
      moments_(tree, roots_),
      retries_(tree),
      round_queue_(tree, sink),
      directories_(tree, directories_to_keep(), mounts, read_ahead_) {}

// --- rounds ------------------------------------------------------------------------------------

bool Reconciler::work() {
  if (!doomed_.empty()) {
    delete_from(doomed_);
    return true;
  }
  if (!round_queue_.empty()) {
    look(round_queue_.take());
    return true;
  }
  if (pass_on_step() || list_step(agenda_, 1) || settle()) return true;
  // Every hint that was queued when this round began has been processed.
  if (!progress_.has_deferred() && blockade_.empty() && !must_retry()) {
    moments_.end_clean_round();
  }
  return false;
}

void Reconciler::begin_round(std::int64_t drained) {
  ++round_;
  content_told_.clear();
  trail_.prune(round_);
  passed_on_.clear();
  name_checks_.clear();
  progress_.begin_round();
  moments_.begin_round(drained);

  // Both add to next_, which merges them with newer hints about the same places: a write and a
  // removal are then checked as one.
  retry_names();
  take_doubted_links();
  for (DirtyName& entry : next_.take()) round_queue_.add(std::move(entry));
  pass_on_unnamed();
  for (const NodeId directory : retries_.take_deferred()) queue_listing(directory, false);
}

bool Reconciler::unsettled() const {
  return hinted() || !round_queue_.empty() || !passing_on_.empty() || !agenda_.empty() ||
         !parked_.empty() || !blockade_.empty() || retries_.any_deferred() || !doomed_.empty() ||
         !departing_.empty() || !doubted_links_.empty();
}

void Reconciler::rest() {
  directories_.rest();
  read_ahead_.rest();
  source_.leave();
  // Frees the memory of a large round.
  retries_.rest();
  constexpr std::size_t kMany = 4096;
  for (std::vector<NodeId>* ids : {&agenda_.directories, &crawling_.directories}) {
    if (ids->empty() && ids->capacity() > kMany) clear_and_free(*ids);
  }
  if (parked_.empty() && parked_.capacity() > kMany) clear_and_free(parked_);
  for (std::vector<Doomed>* doomed : {&doomed_, &departing_}) {
    if (doomed->empty() && doomed->capacity() > kMany) clear_and_free(*doomed);
  }
  if (content_told_.bucket_count() > kMany) clear_and_free(content_told_);
}

std::uint64_t Reconciler::dirty() const {
  return next_.size() + round_queue_.size() + agenda_.directories.size() + retries_.waiting() +
         agenda_.listings.size() + unnamed_.size() + passing_on_.size();
}

// --- checks of single entries ------------------------------------------------------------------

void Reconciler::look(DirtyName dirty) {
  ++checks_;
  held_since_.reset();
  if (!held_.empty()) no_longer_held(dirty);
  const NodeId directory = dirty.directory;
  if (!tree_.alive(directory) || !tree_.is_directory(directory)) return;
  if (tree_.has(directory, DirMark::opaque) || is_departing(directory)) return;

  const auto opened = directories_.open(directory);
  if (const auto* failure = std::get_if<OpenFailure>(&opened)) {
    put_off(dirty, *failure);
    return;
  }
  if (visibility_.names_rules(directory, dirty.name)) {
    const std::optional<int> code = load_rules(directory, std::get<DirectoryFd>(opened));
    if (!code) {
      --checks_;
      round_queue_.add_first(std::move(dirty));
      return;
    }
    if (*code != 0) {
      retries_.add_later(std::move(dirty));
      return;
    }
  }
  const auto looked = look_in(directory, std::get<DirectoryFd>(opened), dirty.name);
  if (std::holds_alternative<Look>(looked)) reported_.reachable(directory, dirty.name);
  const NodeId known = tree_.child(directory, dirty.name);
  if (const Look* seen = std::get_if<Look>(&looked); seen != nullptr && known != kNoNode) {
    adopt_identity(known, seen->type, seen->identity);
  }
  if (const int* code = std::get_if<int>(&looked)) {
    if (*code == ENOENT) {
      stray(dirty);
      if (known != kNoNode) left_place(known, dirty.hints);
    } else {
      not_looked_at(dirty, std::get<DirectoryFd>(opened), *code);
    }
    return;
  }
  const Look& seen = std::get<Look>(looked);
  if (known == kNoNode) {
    if ((dirty.hints & hint::kMovedTo) != 0) stray(dirty);
    appeared(dirty, seen);
  } else if (tree_.identity(known) == seen.identity && tree_.type(known) == seen.type) {
    unpark(known);
    unchanged(known, seen, dirty.hints);
  } else {
    stray(dirty);
    left_place(known, dirty.hints);
    blockade_.add(known, {dirty, seen.identity, round_});
  }
}

// Treats an entry that is not visible as missing.
std::variant<Look, int> Reconciler::look_in(NodeId directory, const DirectoryFd& fd,
                                            const std::string& name) {
  auto looked = look_at(mounts_, fd, name);
  Look* seen = std::get_if<Look>(&looked);
  if (roots_.follows(directory)) {
    if (seen != nullptr && seen->type == EntryType::symlink) {
      looked = follow({directory, name}, fd, *seen);
      seen = std::get_if<Look>(&looked);
    } else if (seen != nullptr || std::get<int>(looked) == ENOENT) {
      unfollow_link({directory, name});
    }
  }
  // A single file may be named by a symbolic link.
  const Visibility::Names* const single = visibility_.single_names(directory);
  if (single != nullptr && single->contains(name) && seen != nullptr &&
      seen->type == EntryType::symlink) {
    looked = look_through(mounts_, fd, name);
    seen = std::get_if<Look>(&looked);
  }
  if (!files_.empty() || (seen != nullptr && (seen->mounted || seen->linked))) {
    looked = look_at_elsewhere({directory, name}, fd, looked);
    seen = std::get_if<Look>(&looked);
  }
  if (seen != nullptr && !visibility_.shows(directory, name, seen->type)) {
    // The directory is not visible here. The link itself may be visible, once another place reports
    // the directory: records the target for that.
    const auto link = seen->linked ? links_.find({directory, name}) : links_.end();
    if (link != links_.end()) report_elsewhere(*link->second, seen->identity);
    return ENOENT;
  }
  return looked;
}

// `node` is no longer at its place. If it was deleted, the content is still visible through its
// other links, so they get the hints about it.
void Reconciler::left_place(NodeId node, Hints hints) {
  if ((hints & hint::kContent) != 0 && (hints & hint::kPassedOn) == 0) {
    pass_on(node, hints & hint::kContent);
  }
  // The entry must still be compared, wherever it turns up.
  if ((hints & hint::kCompare) != 0) mark(node, hint::kWritten);
  if ((hints & hint::kSuspect) != 0) tree_.set(node, Mark::missed);
  park(node);
}

// The entry that the tree has is still at its place: checks whether it has changed.
void Reconciler::unchanged(NodeId node, const Look& seen, Hints hints) {
  if (tree_.is_directory(node)) {
    unchanged_directory(node, seen, hints);
    return;
  }
  if (tree_.has(node, Mark::written)) hints |= hint::kWritten;
  if (tree_.has(node, Mark::altered)) hints |= hint::kAttributes;
  if (tree_.has(node, Mark::missed)) hints |= hint::kUnpaired;
  for (const Mark mark : {Mark::written, Mark::altered, Mark::missed}) tree_.set(node, mark, false);
  const bool compared = (hints & (hint::kClosed | hint::kPassedOn)) != 0;
  const auto told = content_told_.find(node);
  const bool told_attributes = told != content_told_.end() && !told->second;
  // An attribute change reported earlier in this round for a file with several links may have
  // hidden a change of content.
  const bool written =
      was_written(moments_.known(node), seen, hints) || (told_attributes && compared);
  if (has_other_mode(moments_.known(node), seen)) hints |= hint::kAttributes;
  const bool changed = written || (hints & hint::kAttributes) != 0;
  if (changed && roots_.any_waits()) {
    const Hints kept = hints | (written ? hint::kWritten : 0);
    if (hold({tree_.parent(node), std::string(tree_.name(node)), kept}, seen)) return;
  }
  // Do not store a state that was not reported. A file with other links may have changed without an
  // event, and so may a file that was moved away and whose return no event has reported yet.
  const bool away = (hints & (hint::kMovedFrom | hint::kDeleted)) != 0 &&
                    (hints & (hint::kMovedTo | hint::kCreated)) == 0;
  const bool learnt = !away && (changed || seen.links == 1);
  if (written || learnt || tree_.signature(node) != 0) set_signature(node, seen);
  if (!changed) return;
  if (seen.links > 1) {
    if (told != content_told_.end() && (told->second || !written)) return;
    content_told_[node] = written;
    if ((hints & hint::kPassedOn) == 0) {
      pass_on(node, written ? hint::kWritten : hint::kAttributes);
    }
  }
  tell(written ? Change::modified : Change::attributes, node);
}

void Reconciler::unchanged_directory(NodeId node, const Look& seen, Hints hints) {
  const auto mode = static_cast<std::uint16_t>(seen.mode & 07777);
  // A link may have replaced the directory that it leads to, or the directory the link.
  tree_.set(node, DirMark::linked, seen.linked);
  tree_.set(node, DirMark::mounted, seen.mounted);
  if ((hints & hint::kAttributes) != 0) {
    tree_.set_mode(node, mode);
    tell(Change::attributes, node);
    revive(node);
  } else {
    compare_mode(node, mode);
  }
  if (tree_.has(node, DirMark::opaque)) return watch_opaque(node);
  if (tree_.has(node, DirMark::polled)) return;
  if (tree_.watch(node) < 0 || tree_.has(node, DirMark::stale)) queue_listing(node, false);
}

// An entry exists on disk at a place that is free in the tree.
void Reconciler::appeared(const DirtyName& place, const Look& seen) {
  if (!has_room(place.directory, place.name, seen.identity.device)) return;
  const NodeId source = find_source(place, seen);
  if (source == kNoNode && unfinished_) {
    wait_for_names(place);
    return;
  }
  if (source == kNoNode && undecided_) {
    retries_.add_later(place);
    return;
  }
  if (source == kNoNode) {
    if (roots_.any_waits() && hold(place, seen)) return;
    const NodeId made = create(place.directory, place.name, seen.type, seen.identity);
    tell(Change::created, made);
    settle_new(made, seen, place.hints);
    return;
  }
  if (tree_.is_below(place.directory, source)) {
    // The tree is behind the disk: this directory has left the one that now moves into it. Its own
    // new place must be found first.
    for (NodeId at = place.directory; at != source; at = tree_.parent(at)) round_queue_.recheck(at);
    next_.add(place.directory, place.name, place.hints);
    progress_.defer();
    return;
  }
  rename(source, place, seen);
}

void Reconciler::rename(NodeId source, const DirtyName& place, const Look& seen) {
  Hints hints = place.hints & ~hint::kDeleted;
  // The hints that were passed on concerned the entry that was at this place before.
  if ((hints & hint::kPassedOn) != 0) hints &= ~(hint::kContent | hint::kPassedOn | hint::kCompare);
  if (tree_.has(tree_.parent(source), DirMark::suspect)) hints |= hint::kSuspect;
  std::string from = tree_.path(source);
  // A hint that an entry was moved here does not say which inode: the kernel may have reused the
  // inode number of a deleted file.
  if (!tree_.is_directory(source) && !is_same_file(moments_.known(source), seen))
    hints |= hint::kWritten;
  // A listing met the entry, or a check came before the hint of its move: a hint that an entry was
  // moved here may concern another one.
  const Place left{tree_.parent(source), std::string(tree_.name(source))};
  const Place taken{place.directory, place.name};
  if ((hints & hint::kMovedTo) == 0 || !trail_.leads(left, taken)) {
    if ((hints & hint::kUnpaired) == 0) hints = (hints & ~hint::kMovedTo) | hint::kUnpaired;
    bound_trail();
    trail_.moved(left, taken, Trail::Known::by_look, round_);
  }
  const bool directory = tree_.is_directory(source);
  const Visibility::View before = directory ? visibility_.view(source) : Visibility::View{};
  const bool awaits_listing = directory && this->awaits_listing(source);
  pass_in_sweeps(source);
  tree_.move(source, place.directory, place.name);
  tree_.set(source, Mark::seen, false);  // set by the listing of its old directory
  if (directory && (visibility_.moved(source, before) || awaits_listing)) list_below(source);
  if (directory) revive(source);  // its old parent may have denied search permission
  unpark(source);
  tell(Change::renamed, source, std::move(from));
  unchanged(source, seen, hints);
}

NodeId Reconciler::create(NodeId directory, std::string_view name, EntryType type,
                          Identity identity) {
  const NodeId made = tree_.add(directory, name, type, identity);
  if (type == EntryType::directory && roots_.is_flat(directory)) tree_.set(made, DirMark::opaque);
  return made;
}

// Lists a new directory, or compares the other links of a new file.
void Reconciler::settle_new(NodeId node, const Look& seen, Hints hints) {
  if (tree_.is_directory(node)) {
    tree_.set_mode(node, static_cast<std::uint16_t>(seen.mode & 07777));
    tree_.set(node, DirMark::linked, seen.linked);
    tree_.set(node, DirMark::mounted, seen.mounted);
    if (!seen.linked) unfollow(node);
    if (tree_.has(node, DirMark::opaque)) return watch_opaque(node);
    queue_listing(node, false);
    return;
  }
  set_signature(node, seen);
  if (seen.links < 2) return;
  if ((hints & hint::kContent) != 0) {
    content_told_[node] = true;
    pass_on(node, hints & hint::kContent);
  } else if ((hints & hint::kCreated) == 0 && !are_compared(seen)) {
    // A process may have written through this link before it was moved here, or before a listing
    // met it.
    pass_on(node, hint::kClosed | hint::kCompare);
  }
}

// Whether an entry whose identity was met elsewhere is still at its own place as well.
bool Reconciler::stands(NodeId node, Hints hints) {
  if (tree_.has(node, Mark::parked)) return false;
  const NodeId directory = tree_.parent(node);
  const auto opened = directories_.open(directory);
  if (const auto* failure = std::get_if<OpenFailure>(&opened)) {
    if (failure->kind == OpenFailure::Kind::failed && is_passing(failure->code)) undecided_ = true;
    if (failure->kind != OpenFailure::Kind::moved) return true;
    // The directory has moved, perhaps with this entry in it: check the entry again once the
    // directory is found.
    round_queue_.recheck(failure->node);
    next_.add(directory, tree_.name(node), 0);
    progress_.defer();
    return !tree_.is_directory(node) && (hints & hint::kMovedTo) == 0;
  }
  const auto looked =
      look_in(directory, std::get<DirectoryFd>(opened), std::string(tree_.name(node)));
  if (const int* code = std::get_if<int>(&looked); code != nullptr && *code != ENOENT) {
    return true;  // no evidence that it is gone
  }
  const Look* there = std::get_if<Look>(&looked);
  if (there != nullptr && there->identity == tree_.identity(node) &&
      there->type == tree_.type(node)) {
    return true;
  }
  round_queue_.recheck(node);
  return false;
}

// Defers a check that cannot be made yet.
void Reconciler::put_off(const DirtyName& dirty, const OpenFailure& failure) {
  switch (failure.kind) {
    case OpenFailure::Kind::moved:
      round_queue_.recheck(failure.node);
      progress_.defer();
      if (!progress_.is_stuck()) {
        touch(dirty.directory, dirty.name, dirty.hints);
      } else {
        retries_.add_later(dirty);
      }
      break;
    case OpenFailure::Kind::denied:
      denied(dirty.directory, failure.node, failure.code);
      break;
    case OpenFailure::Kind::failed:
      if (is_passing(failure.code)) {
        retries_.add_later(dirty);
      } else {
        give_up(dirty.directory, failure.code);
      }
      break;
  }
}

// Lists a directory and everything below it, since other entries may be visible there now. Each
// listing queues the next level.
void Reconciler::list_below(NodeId directory) {
  if (tree_.has(directory, DirMark::opaque)) return;
  tree_.set(directory, DirMark::deep);
  queue_listing(directory, false);
}

// Whether list_below() was called for a directory above and has not reached this one yet.
bool Reconciler::awaits_listing(NodeId directory) const {
  for (NodeId at = directory; !tree_.is_root(at);) {
    at = tree_.parent(at);
    if (tree_.has(at, DirMark::deep)) return true;
  }
  return false;
}

void Reconciler::tell(Change change, NodeId node, std::string from) {
  progress_.change();
  if (telling_) sink_.change({change, tree_.type(node), tree_.path(node), std::move(from)});
}

}  // namespace lookout
