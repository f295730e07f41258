#include "watch/root_manager.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <unordered_set>
#include <utility>
#include <variant>

namespace lookout {
namespace {

// How often to resolve a root that comes and goes before a timer tries again.
constexpr int kMostRootAttempts = 3;

// Whether nothing exists at a path, as opposed to a path that cannot be checked now.
bool is_gone(const Error& error) {
  return error.reason == "enoent" || error.reason == "enotdir" || error.reason == "eloop";
}

// Whether a check may succeed a little later.
bool is_transient(const Error& error) {
  return error.reason == "emfile" || error.reason == "enfile" || error.reason == "enomem" ||
         error.reason == "eintr" || error.reason == "eagain";
}

// Whether the mount of the path does not answer.
bool is_unanswered(const Error& error) {
  return error.reason == "eagain" || error.reason == "etimedout";
}

// Whether the path leads out of what may be watched.
bool is_outside(const Error& error) {
  return error.reason == "not_allowed";
}

bool is_polled(Backend backend) {
  return backend == Backend::poll || backend == Backend::fswatch;
}

}  // namespace

class RootManager::Follower : public PathFollower {
 public:
  Follower(RootManager& manager, Root& root) : manager_(manager), root_(root) {}
  ~Follower() override { manager_.paths_.unfollow(*this); }
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;
  void path_changed() override { manager_.doubt(root_.shared_from_this()); }

 private:
  RootManager& manager_;
  Root& root_;
};

Result<Target> RootManager::probe_at(const std::string& path) const {
  auto found = call_at(mounts_, path, "probe", [path] { return probe(path); });
  if (const int* code = std::get_if<int>(&found)) return errno_error(*code, "open", path);
  return std::get<Result<Target>>(std::move(found));
}

// The path without symbolic links; empty if nothing exists there, or the file system does not
// answer.
std::string RootManager::real_path(const std::string& path) const {
  if (path.empty()) return {};
  if (!mounts_.none()) return mounts_.way(path).real;
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr),
                                                         std::free);
  return real ? real.get() : "";
}

// Whether the path of `inner` leaves `outer` through a symbolic link, so that `outer` does not
// reach it.
bool RootManager::is_linked(const Root& outer, const Root& inner) const {
  for (std::string at = inner.path; is_path_below(at, outer.path); at = parent_of(at)) {
    const std::string directory = real_path(parent_of(at));
    const auto step = mounts_.step(join(directory, at.substr(at.rfind('/') + 1)));
    if (!directory.empty() && step && step->kind == WayStep::Kind::link) return true;
  }
  return false;
}

bool RootManager::is_covered(const Root& root) const {
  return roots_.covered(
      root, [this](const Root& outer, const Root& inner) { return is_linked(outer, inner); });
}

// Reads a little more of git's files above a root. Returns false if a later check must call it
// again.
bool RootManager::read_rules_above(const Pointer& root) {
  RulesAbove& above = *root->above;
  if (const int code = above.step(mounts_, visibility_); code != 0) {
    not_checked(root, errno_error(code, "open", root->path));
    return false;
  }
  if (!above.done()) {
    doubt(root);
    return false;
  }
  for (const std::string& path : above.take_unanswered()) reconciler_.report_unanswered(path);
  for (const RuleFailure& failure : above.take_failures()) {
    sink_.notice(UnreadableNotice{failure.file, failure.reason()});
  }
  return true;
}

// When the root got its node, a mount did not answer that has some of git's files above: tries to
// read them again.
void RootManager::complete_rules_above(const Pointer& root) {
  if (root->phase == Root::Phase::told && read_rules_above(root)) {
    if (!root->above->incomplete()) {
      reconciler_.set_rules_above(root->node, root->above->scope());
      root->above.reset();
      return;
    }
    root->above->restart();
  }
  if (root->check == 0) unwatched_.insert(root);
}

NodeId RootManager::directory_of(const Root& root) const {
  if (root.node != kNoNode) return root.node;
  const NodeId node = root.joined ? root.base->node : roots_.resolve(root.path);
  return node == kNoNode || tree_.is_directory(node) ? node : tree_.parent(node);
}

// --- adding and removing -----------------------------------------------------------------------

RootManager::Pointer RootManager::make_root(const std::string& path, const WatchOptions& options,
                                            const Filter& filter) {
  auto root = std::make_shared<Root>();
  root->path = path;
  root->options = options;
  root->filter = filter;
  root->follower = std::make_unique<Follower>(*this, *root);
  return root;
}

std::optional<Error> RootManager::add(const std::vector<std::string>& paths,
                                      const WatchOptions& options) {
  auto prepared = prepare(paths, options, {}, nullptr);
  if (Error* error = std::get_if<Error>(&prepared)) return std::move(*error);
  begin(std::get<Prepared>(prepared));
  return std::nullopt;
}

Result<RootManager::Prepared> RootManager::prepare(const std::vector<std::string>& paths,
                                                   const WatchOptions& options,
                                                   const std::set<std::string>& saved,
                                                   const Allows& allows) {
  if (options.backend == Backend::fswatch) {
    if (auto error = Fswatch::missing()) return std::move(*error);
  }
  if (const int code = reconciler_.refusal(options.backend); code != 0) {
    Error error = errno_error(code, "watch", paths.empty() ? "" : paths.front());
    if (!is_transient(error)) {
      error.detail =
          "fanotify needs the capability CAP_SYS_ADMIN and Linux 5.17; use another backend";
    }
    return error;
  }
  const Filter filter(options);
  WatchOptions kept = options;
  kept.ignore.clear();  // the filter has the rules
  kept.only.clear();
  Prepared added;
  std::unordered_set<std::string> given;
  for (const std::string& path : paths) {
    if (roots_.find(path) != nullptr) {
      return Error{"already_watched", "watch", path, "this path is watched already"};
    }
    auto found = probe_at(path);
    const Error* error = std::get_if<Error>(&found);
    const bool may_fail = options.wait_for_missing || saved.contains(path);
    const bool waits = may_fail && error != nullptr && !is_outside(*error);
    if (error != nullptr && !waits && !is_unanswered(*error)) return *error;
    if (!given.insert(path).second) continue;
    Pointer root = make_root(path, kept, filter);
    root->tell = options.report_existing;
    if (error == nullptr) root->target = std::get<Target>(std::move(found));
    if (allows) {
      if (auto refused = allows(*root)) return std::move(*refused);
    }
    added.push_back(std::move(root));
  }
  return added;
}

void RootManager::begin(const Prepared& prepared) {
  for (const Pointer& root : prepared) {
    roots_.add(root);
    doubt(root);
    uses_fswatch_ = uses_fswatch_ || root->options.backend == Backend::fswatch;
  }
}

bool RootManager::remove(const std::string& path) {
  const Pointer root = roots_.find(path);
  if (root == nullptr) return false;
  root->removed = true;
  if (root->base) leave_base(root);
  doubt(root);
  return true;
}

void RootManager::forget(const Pointer& root) {
  roots_.remove(root);
  set_real(root, {});
  paths_.unfollow(*root->follower);
  transient_.erase(root);
  unwatched_.erase(root);
  settle_check(root);
  untrack(root);
}

// --- checks ------------------------------------------------------------------------------------

void RootManager::doubt(const Pointer& root) {
  if (root->check == 0) {
    due_.insert(root);
    root->check = ++last_check_;
    checks_.insert(checks_.end(), root->check);
  }
  if (root->node != kNoNode && root->nested) urgent_.insert(root);
}

void RootManager::doubt(NodeId node) {
  if (const Pointer root = roots_.find(node)) doubt(root);
}

void RootManager::doubt_all() {
  for (const Pointer& root : roots_.all()) doubt(root);
}

void RootManager::doubt_transient() {
  for (const Pointer& root : std::exchange(transient_, {})) doubt(root);
}

void RootManager::doubt_unwatched() {
  for (const Pointer& root : std::exchange(unwatched_, {})) doubt(root);
}

void RootManager::doubt_below(const std::string& path) {
  for (const Pointer& root : roots_.below(path)) doubt(root);
}

void RootManager::visibility_changed(NodeId directory) {
  doubt_below(tree_.path(directory));
}

void RootManager::check() {
  const Pointer root = *(urgent_.empty() ? due_ : urgent_).begin();
  settle_check(root);
  if (root->phase == Root::Phase::leaving) return;  // root_removed() asks for a check
  if (root->phase == Root::Phase::telling) {
    doubted_while_telling_.insert(root);
  } else if (root->removed) {
    if (root->node == kNoNode) {
      forget(root);
    } else {
      leave(root);
    }
  } else {
    const Result<Target> found = resolve(root);
    if (root->node != kNoNode) {
      check_present(root, found);
    } else {
      check_absent(root, found);
    }
  }
}

void RootManager::settle_check(const Pointer& root) {
  due_.erase(root);
  urgent_.erase(root);
  checks_.erase(std::exchange(root->check, 0));
}

// Follows the path first and checks what exists there second. An entry that left the end of the
// path between the two had no watch there, so the path is followed again.
Result<Target> RootManager::resolve(const Pointer& root) {
  transient_.erase(root);
  unwatched_.erase(root);
  for (int attempt = 1;; ++attempt) {
    auto resolution = paths_.follow(*root->follower, root->path);
    Result<Target> found = probe_at(root->path);
    const Error* error = std::get_if<Error>(&found);
    const bool changed = error != nullptr && is_gone(*error) && resolution.whole;
    if (changed && attempt < kMostRootAttempts) continue;
    if (const Target* target = std::get_if<Target>(&found);
        target != nullptr && root->node == kNoNode &&
        !tree_.has_room(target->directory, target->identity.device)) {
      found = errno_error(EOVERFLOW, "watch", root->path);
    }
    if (changed || !resolution.settled) transient_.insert(root);
    const NodeId directory = directory_of(*root);
    const bool polled = directory != kNoNode && tree_.has(directory, DirMark::polled);
    if (polled || is_polled(root->options.backend) || !resolution.watched) unwatched_.insert(root);
    set_real(root, resolution.whole ? std::move(resolution.real) : std::string());
    return found;
  }
}

void RootManager::set_real(const Pointer& root, std::string real) {
  if (root->real == real) return;
  const auto [first, last] = by_real_.equal_range(root->real);
  const auto known =
      std::find_if(first, last, [&](const auto& entry) { return entry.second == root; });
  if (known != last) by_real_.erase(known);
  root->real = std::move(real);
  if (!root->real.empty()) by_real_.emplace(root->real, root);
}

void RootManager::check_present(const Pointer& root, const Result<Target>& found) {
  const Target* target = std::get_if<Target>(&found);
  // A root whose path leads out of what may be watched is given up.
  if (target == nullptr && !is_gone(std::get<Error>(found)) &&
      !is_outside(std::get<Error>(found))) {
    not_checked(root, std::get<Error>(found));
  } else if (target == nullptr || !target->only.empty() ||
             (target->identity != tree_.identity(root->node) &&
              !tree_.adopt_identity(root->node, EntryType::directory, target->identity))) {
    leave(root);
  } else if (!root->is_base && is_covered(*root)) {
    root->moved = true;
    leave(root);
  } else {
    if (std::exchange(root->denied, false)) tree_.set(root->node, DirMark::unreadable, false);
    reconciler_.revive(root->node);
    // It may have taken the identity of what is there only now.
    if (root->above && !root->above->is_of(target->directory, target->identity)) {
      root->above = std::make_unique<RulesAbove>(target->directory, target->identity);
    }
    if (root->above) complete_rules_above(root);
  }
}

void RootManager::check_absent(const Pointer& root, const Result<Target>& found) {
  const Error* error = std::get_if<Error>(&found);
  if (error == nullptr) root->target = std::get<Target>(found);
  const bool gone = error != nullptr && is_gone(*error);
  root->covered = !root->is_base && is_covered(*root);
  if (error != nullptr || root->covered || !root->target.only.empty()) root->above.reset();
  if (root->covered) {
    root->tell = true;  // if it must report itself later, its entries were reported as deleted
    if (root->base) leave_base(root);
    tracked_[root->path] = root;
    compare_presence(*root, gone);
    return;
  }
  // A change on the path that a link leads to causes no event on the link.
  if (root->joined && root->target.linked && !tree_.has(root->base->node, DirMark::polled)) {
    reconciler_.hints().touch(root->base->node, path_below(root->path, root->base->path), 0);
  }
  if (root->base && gone) return compare_presence(*root, gone);
  if (root->base && error == nullptr && !root->target.only.empty()) return join_base(root);
  if (root->base && error != nullptr) return not_checked(root, *error);
  if (root->base) leave_base(root);
  untrack(root);
  if (error == nullptr) return root->target.only.empty() ? add_root(root) : join_base(root);
  if (!gone) not_checked(root, *error);
  if (is_unanswered(*error)) {
    root->tell = true;
  } else if (!is_transient(*error)) {
    lose(*root);
  }
}

// Notices report that a root which another root reports has appeared or gone.
void RootManager::compare_presence(Root& root, bool gone) {
  if (roots_.resolve(root.path) != kNoNode) {
    find_again(root);
  } else if (gone) {
    lose(root);
  }
}

void RootManager::not_checked(const Pointer& root, const Error& error) {
  if (error.reason == "etimedout") {
    unwatched_.insert(root);
    reconciler_.report_unanswered(root->path);
    return;
  }
  const bool transient = is_transient(error);
  (transient ? transient_ : unwatched_).insert(root);
  if (transient || root->is_base || std::exchange(root->denied, true)) return;
  // Reported once, by this or by its listing.
  if (root->node != kNoNode) {
    if (tree_.has(root->node, DirMark::unreadable)) return;
    tree_.set(root->node, DirMark::unreadable);
  }
  sink_.notice(UnreadableNotice{root->path, error.reason});
}

RootOptions RootManager::root_options(const Root& root, ScopePtr above) const {
  const WatchOptions& options = root.options;
  return {options.recursive, options.follow_symlinks, options.backend, options.await, root.is_base,
          root.filter,       std::move(above)};
}

// Starts to load a root that has no node.
void RootManager::add_root(const Pointer& root) {
  ScopePtr above;
  if (root->filter.gitignore && !root->is_base) {
    const Target& target = root->target;
    if (!root->above || !root->above->is_of(target.directory, target.identity)) {
      root->above = std::make_unique<RulesAbove>(target.directory, target.identity);
    }
    if (!read_rules_above(root)) {
      // The request may be answered before the root is loaded.
      root->tell = root->tell || root->check == 0;
      return;
    }
    above = root->above->scope();
    if (root->above->incomplete()) {
      root->above->restart();
    } else {
      root->above.reset();
    }
  }
  find_again(*root);
  root->denied = false;
  roots_.enter(root, Root::Phase::crawling);
  roots_.set_node(root, reconciler_.add_root(root->target.directory, root->target.identity,
                                             root_options(*root, std::move(above))));
  if (root->is_base) return;
  if (may_be_told_elsewhere(*root)) root->tell = true;
  take_over(root);
}

// Whether subscribers already have entries that this root will report: those are reported as
// deleted first and must be reported again.
bool RootManager::may_be_told_elsewhere(const Root& root) const {
  const auto reports = [&](const Pointer& other) {
    return other.get() != &root && other->node != kNoNode;
  };
  const std::vector<Pointer> outer = roots_.above(root.path, true);
  const std::vector<Pointer> inner = roots_.below(root.path);
  return std::any_of(inner.begin(), inner.end(),
                     [&](const Pointer& other) {
                       return reports(other) && roots_.may_show(root, *other);
                     }) ||
         std::any_of(outer.begin(), outer.end(), [&](const Pointer& other) {
           return reports(other) && (!other->is_base || other->path == root.path);
         });
}

// A new root reports the roots below it, and single files in it, from now on: gives those up, and a
// removed root with the same path.
void RootManager::take_over(const Pointer& root) {
  std::vector<Pointer> others = roots_.at(root->path);
  std::erase(others, root);
  if (root->options.recursive) {
    for (const Pointer& other : roots_.below(root->path)) {
      if (roots_.may_show(*root, *other)) others.push_back(other);
    }
  }
  for (const Pointer& other : others) {
    if (other->node != kNoNode && other->phase != Root::Phase::leaving &&
        !is_linked(*root, *other)) {
      other->moved = true;
      leave(other);
    }
  }
}

// Gives up the node of a root; root_removed() follows when its entries are deleted.
void RootManager::leave(const Pointer& root) {
  const bool telling = root->phase == Root::Phase::telling;
  Departures::Removal removal;
  removal.reporting = telling || root->phase == Root::Phase::told;
  removal.urgent = root->moved || root->nested;
  if (telling) removal.unreported = root->cursor;
  root->reported = removal.reporting;
  for (const auto& [name, member] : root->members) {
    if (root->moved && tree_.child(root->node, name) != kNoNode) hand_over(*member);
  }
  doubted_while_telling_.erase(root);  // root_removed() asks for a check
  roots_.enter(root, Root::Phase::leaving);
  reconciler_.remove_root(root->node, removal);
}

void RootManager::root_removed(NodeId node) {
  const Pointer root = roots_.find(node);
  if (root == nullptr) return;
  roots_.set_node(root, kNoNode);
  roots_.enter(root, Root::Phase::absent);
  if (root->is_base) {
    for (const auto& [name, member] : std::exchange(root->members, {})) {
      member->base.reset();
      member->joined = false;
      member->tell = true;
      doubt(member->shared_from_this());
    }
    return forget(root);
  }
  if (!root->removed && !std::exchange(root->moved, false)) lose(*root);
  doubt(root);
  doubt_below(root->path);
}

void RootManager::lose(Root& root) {
  root.tell = true;
  if (!root.is_base && !std::exchange(root.lost, true)) {
    sink_.notice(RootDeletedNotice{root.path});
  }
}

void RootManager::find_again(Root& root) {
  if (std::exchange(root.lost, false)) sink_.notice(RootCreatedNotice{root.path});
}

// --- single files ------------------------------------------------------------------------------

// Makes the base of a single file report it.
void RootManager::join_base(const Pointer& root) {
  if (root->joined) return compare_presence(*root, false);
  // What another root has reported of this path must be deleted first; then root_removed() asks for
  // a check.
  const std::vector<Pointer> outer = roots_.above(root->path, false);
  if (std::any_of(outer.begin(), outer.end(), [](const Pointer& other) {
        return !other->is_base && other->phase == Root::Phase::leaving;
      })) {
    return;
  }
  if (!root->base) {
    root->base = roots_.base(root->target.directory, root->options);
    if (!root->base) {
      root->base = make_root(root->target.directory, root->options, {});
      root->base->is_base = true;
      roots_.add(root->base);
      doubt(root->base);
    }
    root->base->members[root->target.only] = root.get();
  }
  if (root->base->phase != Root::Phase::told) return;  // learn() asks for a check
  root->joined = true;
  tracked_[root->path] = root;
  const NodeId directory = root->base->node;
  // If the entry is in the tree already, it is being deleted: this path was removed and added
  // again.
  const bool leaving = tree_.child(directory, root->target.only) != kNoNode;
  if (std::exchange(root->tell, true) || leaving) {
    reconciler_.show_single(directory, root->target.only);
  } else {
    reconciler_.load_single(directory, root->target.only);
  }
}

// Removes a single file from its base, and reports its entry as deleted.
void RootManager::leave_base(const Pointer& root) {
  const Pointer base = std::exchange(root->base, nullptr);
  const std::string name = path_below(root->path, base->path);
  base->members.erase(name);
  if (std::exchange(root->joined, false) && base->node != kNoNode) {
    reconciler_.hide_single(base->node, name);
    const NodeId entry = tree_.child(base->node, name);
    if (entry != kNoNode) {
      hand_over(*root);
      reconciler_.remove_root(entry, {.urgent = true});
    }
  }
  if (!base->members.empty()) return;
  base->removed = true;
  doubt(base);
}

void RootManager::hand_over(const Root& root) {
  handed_over_.insert(root.path);
}

// --- roots that another one reports -------------------------------------------------------------

std::vector<RootManager::Pointer> RootManager::tracked(const std::string& path) const {
  std::vector<Pointer> found;
  if (const auto root = tracked_.find(path); root != tracked_.end()) found.push_back(root->second);
  const std::string top = path == "/" ? path : path + '/';
  for (auto root = tracked_.upper_bound(top);
       root != tracked_.end() && root->first.starts_with(top); ++root) {
    found.push_back(root->second);
  }
  return found;
}

void RootManager::untrack(const Pointer& root) {
  const auto tracked = tracked_.find(root->path);
  if (tracked != tracked_.end() && tracked->second == root) tracked_.erase(tracked);
}

void RootManager::before(const Event& event) {
  if (event.change != Change::created && event.change != Change::renamed) return;
  const auto root = tracked_.find(event.path);
  if (root != tracked_.end()) find_again(*root->second);
}

void RootManager::after(const Event& event) {
  if (event.change == Change::deleted) {
    const auto root = tracked_.find(event.path);
    const bool handed_over = handed_over_.erase(event.path) > 0;
    if (root == tracked_.end()) return;
    if (handed_over) {
      doubt(root->second);  // the file may be gone now
    } else {
      lose(*root->second);
    }
  } else if (event.change == Change::created || event.change == Change::renamed) {
    for (const Pointer& root : tracked(event.path)) {
      compare_presence(*root, true);
      if (!root->base) doubt(root);  // the path may not lead through the new entry
    }
    if (event.change == Change::created) return;
    for (const Pointer& root : tracked(event.from)) {
      compare_presence(*root, true);
      if (!root->base) doubt(root);
    }
  }
}

// --- mounts and fswatch -------------------------------------------------------------------------

void RootManager::mounted(const std::vector<std::string>& places, bool changed) {
  for (const std::string& place : places) {
    if (changed) {
      paths_.doubt(place);
    } else {
      paths_.verify(place);
      const auto [first, last] = by_real_.equal_range(place);
      for (auto entry = first; entry != last; ++entry) doubt(entry->second);
    }
    for (std::string at = place; at != "/";) {
      at = parent_of(at);
      const auto [first, last] = by_real_.equal_range(at);
      for (auto entry = first; entry != last; ++entry) {
        const NodeId node = entry->second->node;
        if (node != kNoNode) reconciler_.hints().touch_below(node, path_below(place, at));
      }
    }
    reconciler_.mounted_behind_links(place);
  }
}

std::vector<Fswatch::Place> RootManager::fswatched() const {
  std::vector<Fswatch::Place> places;
  for (const Pointer& root : roots_.all()) {
    if (root->options.backend != Backend::fswatch || root->node == kNoNode || root->removed) {
      continue;
    }
    if (!root->real.empty()) places.push_back({root->real, root->target.identity.inode});
  }
  return places;
}

void RootManager::printed(const std::string& path) {
  for (const Pointer& root : roots_.all()) {
    if (root->options.backend != Backend::fswatch || root->node == kNoNode) continue;
    if (!root->real.empty() && is_path_below(path, root->real)) {
      reconciler_.hints().touch_below(root->node, path_below(path, root->real));
    }
  }
}

// --- loading and reporting ----------------------------------------------------------------------

bool RootManager::has_untold() const {
  return roots_.any(Root::Phase::untold) || roots_.any(Root::Phase::telling);
}

bool RootManager::learn() {
  const Pointer root = roots_.find(Root::Phase::crawling);
  if (root == nullptr) return false;
  if (reconciler_.crawl()) return true;
  const bool tell = !root->is_base && root->tell;
  roots_.enter(root, tell ? Root::Phase::untold : Root::Phase::told);
  root->tell = true;
  doubt(root);  // it may be gone, or polled
  doubt_below(root->path);
  return true;
}

std::optional<RootManager::Telling> RootManager::tell() {
  Pointer root = roots_.find(Root::Phase::telling);
  if (root == nullptr) {
    root = roots_.find(Root::Phase::untold);
    if (root == nullptr) return std::nullopt;
    roots_.enter(root, Root::Phase::telling);
    root->cursor = next_below(tree_, root->node, root->node);
  }
  const Telling telling{root->cursor};
  if (telling.node != kNoNode) {
    root->cursor = next_below(tree_, root->cursor, root->node);
  } else {
    roots_.enter(root, Root::Phase::told);
    if (doubted_while_telling_.erase(root) > 0) doubt(root);
  }
  return telling;
}

}  // namespace lookout
