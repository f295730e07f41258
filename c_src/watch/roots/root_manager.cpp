#include "watch/roots/root_manager.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <unordered_set>
#include <utility>
#include <variant>

#include "watch/model/transient.h"

namespace lookout {
namespace {

// Whether a check may succeed a little later.
bool may_succeed_later(const Error& error) {
  return is_transient(error.code);
}

// Whether the mount of the path does not answer.
bool is_unanswered(const Error& error) {
  return error.code == EAGAIN || error.code == ETIMEDOUT;
}

// Whether the path leads out of what may be watched.
bool is_outside(const Error& error) {
  return error.cause == Cause::outside;
}

}  // namespace

// Reads a little more of git's files above a root. Returns false if a later check must call it
// again.
bool RootManager::read_rules_above(const Pointer& root) {
  RulesAbove& above = *root->above;
  if (const auto error = above.step(mounts_, visibility_)) {
    not_checked(root, *error);
    return false;
  }
  if (!above.done()) {
    checks_.add(root);
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
  if (root->phase == Root::Phase::reported && read_rules_above(root)) {
    if (!root->above->incomplete()) {
      reconciler_.set_rules_above(root->node, root->above->scope());
      root->above.reset();
      return;
    }
    root->above->restart();
  }
  if (root->check == 0) checks_.set_unwatched(root);
}

// --- adding and removing -----------------------------------------------------------------------

Result<RootManager::Prepared> RootManager::prepare(const std::vector<std::string>& paths,
                                                   const WatchOptions& options,
                                                   const std::set<std::string>& saved,
                                                   const Allows& allows) {
  if (options.backend == Backend::fswatch) {
    if (auto error = Fswatch::missing()) return std::move(*error);
  }
  if (const int code = reconciler_.start(options.backend); code != 0) {
    Error error = errno_error(code, "watch", paths.empty() ? "" : paths.front());
    if (!may_succeed_later(error)) {
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
    auto found = root_paths_.probe(path);
    const Error* error = std::get_if<Error>(&found);
    const bool may_fail = options.wait_for_missing || saved.contains(path);
    const bool waits = may_fail && error != nullptr && !is_outside(*error);
    if (error != nullptr && !waits && !is_unanswered(*error)) return *error;
    if (!given.insert(path).second) continue;
    Pointer root = root_paths_.make_root(path, kept, filter);
    root->report = options.report_existing;
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
    checks_.add(root);
    uses_fswatch_ = uses_fswatch_ || root->options.backend == Backend::fswatch;
  }
}

bool RootManager::remove(const std::string& path) {
  const Pointer root = roots_.find(path);
  if (root == nullptr) return false;
  root->removed = true;
  if (root->base) bases_.leave(root);
  checks_.add(root);
  return true;
}

void RootManager::forget(const Pointer& root) {
  roots_.remove(root);
  root_paths_.forget(root);
  checks_.forget(root);
  presence_.untrack(root);
}

// --- checks ------------------------------------------------------------------------------------

void RootManager::visibility_changed(NodeId directory) {
  checks_.add_below(tree_.path(directory));
}

void RootManager::check() {
  const Pointer root = checks_.take();
  if (root->phase == Root::Phase::leaving) return;  // root_removed() asks for a check
  if (root->phase == Root::Phase::reporting) {
    checks_.add_when_reported(root);
  } else if (root->removed) {
    if (root->node == kNoNode) {
      forget(root);
    } else {
      leave(root);
    }
  } else {
    const Result<Target> found = root_paths_.resolve(root);
    if (root->node != kNoNode) {
      check_present(root, found);
    } else {
      check_absent(root, found);
    }
  }
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
  } else if (!root->is_base && root_paths_.is_covered(*root)) {
    root->moved = true;
    leave(root);
  } else {
    if (std::exchange(root->denied, false)) tree_.set(root->node, DirMark::unreadable, false);
    reconciler_.retry_below(root->node);
    // The root may have adopted the identity of its directory only now.
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
  root->covered = !root->is_base && root_paths_.is_covered(*root);
  if (error != nullptr || root->covered || !root->target.only.empty()) root->above.reset();
  if (root->covered) {
    root->report = true;  // if it must report itself later, its entries were reported as deleted
    if (root->base) bases_.leave(root);
    presence_.track(root);
    presence_.compare(*root, gone);
    return;
  }
  // A change on the path that a link leads to causes no event on the link.
  if (root->joined && root->target.linked && !tree_.has(root->base->node, DirMark::polled)) {
    reconciler_.hints().touch(root->base->node, path_below(root->path, root->base->path), 0);
  }
  if (root->base && gone) return presence_.compare(*root, gone);
  if (root->base && error == nullptr && !root->target.only.empty()) return bases_.join(root);
  if (root->base && error != nullptr) return not_checked(root, *error);
  if (root->base) bases_.leave(root);
  presence_.untrack(root);
  if (error == nullptr) return root->target.only.empty() ? add_root(root) : bases_.join(root);
  if (!gone) not_checked(root, *error);
  if (is_unanswered(*error)) {
    root->report = true;
  } else if (!may_succeed_later(*error)) {
    presence_.lose(*root);
  }
}

void RootManager::not_checked(const Pointer& root, const Error& error) {
  if (error.code == ETIMEDOUT) {
    checks_.set_unwatched(root);
    reconciler_.report_unanswered(root->path);
    return;
  }
  const bool transient = may_succeed_later(error);
  if (transient) {
    checks_.set_transient(root);
  } else {
    checks_.set_unwatched(root);
  }
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
      root->report = root->report || root->check == 0;
      return;
    }
    above = root->above->scope();
    if (root->above->incomplete()) {
      root->above->restart();
    } else {
      root->above.reset();
    }
  }
  presence_.find_again(*root);
  root->denied = false;
  roots_.enter(root, Root::Phase::crawling);
  roots_.set_node(root, reconciler_.add_root(root->target.directory, root->target.identity,
                                             root_options(*root, std::move(above))));
  if (root->is_base) return;
  if (may_be_reported_elsewhere(*root)) root->report = true;
  take_over(root);
}

// Whether subscribers already have entries that this root will report: those are reported as
// deleted first and must be reported again.
bool RootManager::may_be_reported_elsewhere(const Root& root) const {
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
        !root_paths_.is_linked(*root, *other)) {
      other->moved = true;
      leave(other);
    }
  }
}

// Gives up the node of a root; root_removed() follows when its entries are deleted.
void RootManager::leave(const Pointer& root) {
  const bool reporting = root->phase == Root::Phase::reporting;
  Departures::Removal removal;
  removal.reporting = reporting || root->phase == Root::Phase::reported;
  removal.urgent = root->moved || roots_.is_nested(*root);
  if (reporting) removal.unreported = root->cursor;
  root->reported = removal.reporting;
  for (const auto& [name, member] : root->members) {
    if (root->moved && tree_.child(root->node, name) != kNoNode) presence_.hand_over(*member);
  }
  checks_.given_up(root);  // root_removed() asks for a check
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
      member->report = true;
      checks_.add(member->shared_from_this());
    }
    return forget(root);
  }
  if (!root->removed && !std::exchange(root->moved, false)) presence_.lose(*root);
  checks_.add(root);
  checks_.add_below(root->path);
}

// --- mounts and fswatch -------------------------------------------------------------------------

void RootManager::mounted(const std::vector<std::string>& places, bool changed) {
  for (const std::string& place : places) {
    root_paths_.mounted(place, changed);
    for (const auto& [root, path] : root_paths_.roots_above(place)) {
      reconciler_.hints().touch_below(root, path);
    }
  }
  reconciler_.mounted_behind_links(places);
}

void RootManager::printed(const std::string& path) {
  for (const auto& [root, below] : root_paths_.printed(path)) {
    reconciler_.hints().touch_below(root, below);
  }
}

// --- loading and reporting ----------------------------------------------------------------------

bool RootManager::has_unreported() const {
  return roots_.any(Root::Phase::unreported) || roots_.any(Root::Phase::reporting);
}

bool RootManager::load() {
  const Pointer root = roots_.find(Root::Phase::crawling);
  if (root == nullptr) return false;
  if (reconciler_.crawl()) return true;
  const bool report = !root->is_base && root->report;
  roots_.enter(root, report ? Root::Phase::unreported : Root::Phase::reported);
  root->report = true;
  checks_.add(root);  // it may be gone, or polled
  checks_.add_below(root->path);
  return true;
}

std::optional<NodeId> RootManager::report() {
  Pointer root = roots_.find(Root::Phase::reporting);
  if (root == nullptr) {
    root = roots_.find(Root::Phase::unreported);
    if (root == nullptr) return std::nullopt;
    roots_.enter(root, Root::Phase::reporting);
    root->cursor = next_below(tree_, root->node, root->node);
  }
  const NodeId next = root->cursor;
  if (next != kNoNode) {
    root->cursor = next_below(tree_, root->cursor, root->node);
  } else {
    roots_.enter(root, Root::Phase::reported);
    checks_.reported(root);
  }
  return next;
}

}  // namespace lookout
