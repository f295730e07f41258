#include "watch/root_keeper.h"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <utility>
#include <variant>

namespace lookout {
namespace {

// Whether nothing stands at a path, as against: it cannot be looked at now.
bool is_gone(const Error& error) {
  return error.reason == "enoent" || error.reason == "enotdir" || error.reason == "eloop";
}

// Whether it may be looked at a little later.
bool is_passing(const Error& error) {
  return error.reason == "emfile" || error.reason == "enfile" || error.reason == "enomem" ||
         error.reason == "eintr" || error.reason == "eagain";
}

// Whether the mount that it is on does not answer.
bool is_unanswered(const Error& error) {
  return error.reason == "eagain" || error.reason == "etimedout";
}

bool is_polled(Backend backend) {
  return backend == Backend::poll || backend == Backend::fswatch;
}

}  // namespace

Result<Target> RootKeeper::probe_at(const std::string& path) const {
  auto found = call_at(mounts_, path, "probe", [path] { return probe(path); });
  if (const int* code = std::get_if<int>(&found)) return errno_error(*code, "open", path);
  return std::get<Result<Target>>(std::move(found));
}

// Without symbolic links; empty where nothing stands there, or what stands there does not answer.
std::string RootKeeper::real_path(const std::string& path) const {
  if (path.empty()) return {};
  if (!mounts_.none()) return mounts_.way(path).real;
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr),
                                                         std::free);
  return real ? real.get() : "";
}

// Whether the path of `inner` leaves `outer` through a symbolic link, so that `outer` does not
// reach it.
bool RootKeeper::is_linked(const Root& outer, const Root& inner) const {
  std::string at = inner.target.only.empty() ? inner.path : inner.target.directory;
  while (is_path_below(at, outer.path)) {
    const std::string directory = real_path(parent_of(at));
    const auto step = mounts_.step(join(directory, at.substr(at.rfind('/') + 1)));
    if (!directory.empty() && step && step->kind == WayStep::Kind::link) return true;
    at = parent_of(at);
  }
  return false;
}

// What git's files above a root say of it.
Result<ScopePtr> RootKeeper::rules_above(const Root& root) {
  using Answer = std::pair<ScopePtr, std::vector<RuleFailure>>;
  const std::string& directory = root.target.directory;
  auto read = call_at(mounts_, directory, "rules above", [directory] {
    Answer answer;
    answer.first = read_rules_above(directory, answer.second);
    return answer;
  });
  if (const int* code = std::get_if<int>(&read)) return errno_error(*code, "open", root.path);
  auto& [above, failures] = std::get<Answer>(read);
  for (const auto& [file, failed] : failures) {
    sink_.notice(UnreadableNotice{file, errno_name(failed)});
  }
  return above;
}

std::optional<Error> RootKeeper::add(const std::vector<std::string>& paths,
                                     const WatchOptions& options) {
  if (options.backend == Backend::fswatch) {
    if (auto error = Fswatch::missing()) return error;
  }
  if (const int code = reconciler_.refusal(options.backend); code != 0) {
    Error error = errno_error(code, "watch", paths.empty() ? "" : paths.front());
    error.detail =
        "fanotify needs the capability CAP_SYS_ADMIN and Linux 5.17; use another backend";
    return error;
  }
  const Filter filter(options);
  std::vector<Roots::Pointer> added;
  for (const std::string& path : paths) {
    if (roots_.find(path) != nullptr) {
      return Error{"already_watched", "watch", path, "this path is watched already"};
    }
    auto found = probe_at(path);
    const Error* error = std::get_if<Error>(&found);
    if (error != nullptr && !options.wait_for_missing && !is_unanswered(*error)) return *error;
    const bool repeated = std::any_of(added.begin(), added.end(),
                                      [&](const auto& root) { return root->path == path; });
    if (repeated) continue;
    auto root = std::make_shared<Root>();
    root->path = path;
    root->recursive = options.recursive;
    root->follow_symlinks = options.follow_symlinks;
    root->backend = options.backend;
    root->await = options.await;
    root->filter = filter;
    root->tell = options.report_existing;
    if (error == nullptr) root->target = std::get<Target>(std::move(found));
    added.push_back(std::move(root));
  }
  for (Roots::Pointer& root : added) roots_.add(std::move(root));
  uses_fswatch_ = uses_fswatch_ || options.backend == Backend::fswatch;
  check_now();
  return std::nullopt;
}

bool RootKeeper::remove(const std::string& path) {
  const Roots::Pointer root = roots_.find(path);
  if (root == nullptr) return false;
  root->removed = true;
  check_now();
  return true;
}

void RootKeeper::check() {
  reconciler_.set_roots_in_doubt(false);
  check_later_ = check_slowly_ = false;
  // Watched first and looked at second, as any directory.
  places_.clear([this](int watch) { return tree_.watch_in_use(watch); });
  follow_roots();
  reconciler_.watch_links();
  const std::vector<Roots::Pointer> all = roots_.all();
  for (const Roots::Pointer& root : all) {
    if (root->phase == Root::Phase::leaving) continue;
    if (root->node != kNoNode) root->polled = tree_.has(root->node, DirMark::polled);
    // No hint will come when another stands at its path.
    if (root->polled || is_polled(root->backend) || !places_.live() || places_.lacking()) {
      check_slowly_ = true;
    }
    if (root->phase == Root::Phase::telling) {
      check_after_telling_ = true;
    } else if (root->removed) {
      drop(root);
    } else if (root->node != kNoNode) {
      check_planted(*root);
    } else if (!plant(*root)) {
      check_now();
      return;
    }
  }
  // A path that leads elsewhere by now was not watched on its way when it was looked at, nor was
  // the name of what stood there while the way was followed, though not when it was looked at.
  if (follow_roots() || std::any_of(all.begin(), all.end(), [this](const Roots::Pointer& root) {
        return root->missing && root->node == kNoNode && !root->removed &&
               std::holds_alternative<Target>(probe_at(root->path));
      })) {
    check_now();
  }
}

void RootKeeper::mounted(const std::vector<std::string>& places, bool changed) {
  for (const Roots::Pointer& root : roots_.all()) {
    const std::string stands = real_path(root->target.directory);
    for (const std::string& place : places) {
      if (!stands.empty() && is_path_below(place, stands)) {
        look_below(root->node, place.substr(stands == "/" ? 1 : stands.size() + 1));
      } else if (changed && (stands.empty() || stands == place || is_path_below(stands, place))) {
        check_now();
      }
    }
  }
  tree_.for_each_directory([&](NodeId node) {
    if (!tree_.has(node, DirMark::linked)) return;
    const std::string stands = real_path(tree_.path(node));
    for (const std::string& place : places) {
      if (!stands.empty() && is_path_below(place, stands)) {
        look_below(node, place.substr(stands.size() + 1));
      }
    }
  });
}

// What has appeared above it leads to it.
void RootKeeper::look_below(NodeId directory, const std::string& below) {
  NodeId at = directory;
  for (std::size_t begin = 0; at != kNoNode && tree_.is_directory(at);) {
    const std::size_t end = std::min(below.find('/', begin), below.size());
    const std::string name = below.substr(begin, end - begin);
    const NodeId child = tree_.child(at, name);
    if (end == below.size() || child == kNoNode) return reconciler_.touch(at, name, 0);
    at = child;
    begin = end + 1;
  }
}

std::vector<Fswatch::Place> RootKeeper::fswatched() const {
  std::vector<Fswatch::Place> places;
  for (const Roots::Pointer& root : roots_.all()) {
    if (root->backend != Backend::fswatch || root->node == kNoNode || root->removed) continue;
    std::string stands = real_path(root->target.directory);
    if (!stands.empty()) places.push_back({std::move(stands), root->target.identity.inode});
  }
  return places;
}

void RootKeeper::printed(const std::string& path) {
  for (const Roots::Pointer& root : roots_.all()) {
    if (root->backend != Backend::fswatch) continue;
    const std::string stands = real_path(root->target.directory);
    if (!stands.empty() && is_path_below(path, stands)) {
      look_below(root->node, path.substr(stands == "/" ? 1 : stands.size() + 1));
    }
  }
}

bool RootKeeper::follow_roots() {
  bool more = false;
  for (const Roots::Pointer& root : roots_.all()) {
    if (!root->removed) more = places_.follow(root->path) || more;
  }
  return more;
}

void RootKeeper::drop(const Roots::Pointer& root) {
  if (root->node == kNoNode) {
    roots_.remove(root);
    check_now();  // it may have covered others
  } else {
    leave(*root);
  }
}

void RootKeeper::check_planted(Root& root) {
  const auto found = probe_at(root.path);
  const Target* target = std::get_if<Target>(&found);
  if (target == nullptr && !is_gone(std::get<Error>(found))) {
    not_looked_at(root, std::get<Error>(found));
  } else if (target == nullptr || target->identity != tree_.identity(root.node) ||
             target->only != root.target.only) {
    leave(root);
  } else if (roots_.covered(root)) {
    root.moved = true;
    leave(root);
  } else {
    root.denied = false;
    reconciler_.revive(root.node);
  }
}

// Starts to learn a root that has no node. False where that is to be finished first.
bool RootKeeper::plant(Root& root) {
  auto found = probe_at(root.path);
  if (Target* target = std::get_if<Target>(&found)) root.target = std::move(*target);
  root.missing = false;
  root.covered = roots_.covered(root);
  if (root.covered) {
    root.tell = true;  // should it have to tell for itself, its entries were told as deleted
    check_covered(root);
    return true;
  }
  if (const Error* error = std::get_if<Error>(&found)) {
    root.missing = is_gone(*error);
    if (!root.missing) not_looked_at(root, *error);
    if (is_unanswered(*error)) {
      root.tell = true;
    } else if (!is_passing(*error)) {
      lose(root);
    }
    return true;
  }
  ScopePtr above;
  if (root.filter.gitignore && root.target.only.empty()) {
    auto rules = rules_above(root);
    if (const Error* error = std::get_if<Error>(&rules)) {
      not_looked_at(root, *error);
      root.tell = true;
      return true;
    }
    above = std::get<ScopePtr>(std::move(rules));
  }
  if (std::exchange(root.lost, false)) sink_.notice(RootCreatedNotice{root.path});
  root.denied = false;
  if (may_be_told_elsewhere(root)) root.tell = true;
  take_over(root);
  roots_.enter(root, Root::Phase::crawling);
  root.node = reconciler_.plant(root.target.directory, root.target.identity,
                                {root.recursive, root.follow_symlinks, root.backend, root.await,
                                 root.target.only, root.filter, std::move(above)});
  return !may_cover_absent(root);
}

// Whether it may tell what stands at others: it is to be learnt before these are decided on.
bool RootKeeper::may_cover_absent(const Root& root) const {
  if (!root.recursive || !root.target.only.empty()) return false;
  const auto& all = roots_.all();
  return std::any_of(all.begin(), all.end(), [&](const Roots::Pointer& other) {
    return other->node == kNoNode && is_path_below(other->path, root.path);
  });
}

// Whether entries that this root will tell are in the mirrors of subscribers now: they are told
// as deleted first and have to be told again.
bool RootKeeper::may_be_told_elsewhere(const Root& root) const {
  const auto& all = roots_.all();
  return std::any_of(all.begin(), all.end(), [&](const Roots::Pointer& other) {
    return other.get() != &root && other->node != kNoNode &&
           (other->path == root.path || is_path_below(other->path, root.path) ||
            is_path_below(root.path, other->path));
  });
}

void RootKeeper::not_looked_at(Root& root, const Error& error) {
  if (error.reason == "etimedout") {
    check_slowly_ = true;
    reconciler_.say_unanswered(root.path);
    return;
  }
  const bool passing = is_passing(error);
  (passing ? check_later_ : check_slowly_) = true;
  if (!passing && !std::exchange(root.denied, true)) {
    sink_.notice(UnreadableNotice{root.path, error.reason});
  }
}

// Roots below a new one are told by it from now on.
void RootKeeper::take_over(const Root& root) {
  if (!root.recursive || !root.target.only.empty()) return;
  const std::vector<Roots::Pointer> all = roots_.all();  // leave() may take one out
  for (const Roots::Pointer& other : all) {
    if (other.get() != &root && other->node != kNoNode && other->phase != Root::Phase::leaving &&
        is_path_below(other->path, root.path) && !is_linked(root, *other)) {
      other->moved = true;
      leave(*other);
    }
  }
}

// Gives up the node of a root; uprooted() follows when its entries are gone.
void RootKeeper::leave(Root& root) {
  const bool telling = root.phase == Root::Phase::telling;
  const bool was_told = root.phase == Root::Phase::told || telling;
  roots_.enter(root, Root::Phase::leaving);
  if (telling) {
    reconciler_.uproot_told(root.node, root.cursor);
  } else {
    reconciler_.uproot(root.node, was_told);
  }
  // What was never told needs no credit to be forgotten.
  while (!was_told && root.phase == Root::Phase::leaving) reconciler_.work();
}

void RootKeeper::uprooted(NodeId node) {
  const Roots::Pointer root = roots_.find(node);
  root->node = kNoNode;
  roots_.enter(*root, Root::Phase::absent);
  check_now();
  if (root->removed) {
    roots_.remove(root);
  } else if (!std::exchange(root->moved, false)) {
    lose(*root);
  }
}

void RootKeeper::lose(Root& root) {
  root.tell = true;
  if (!std::exchange(root.lost, true)) sink_.notice(RootDeletedNotice{root.path});
}

bool RootKeeper::has_untold() const {
  return roots_.any(Root::Phase::untold) || roots_.any(Root::Phase::telling);
}

bool RootKeeper::learn() {
  const Roots::Pointer root = roots_.find(Root::Phase::crawling);
  if (root == nullptr) return false;
  if (!reconciler_.crawl()) {
    roots_.enter(*root, root->tell ? Root::Phase::untold : Root::Phase::told);
    root->tell = true;
    check_now();
  }
  return true;
}

std::optional<RootKeeper::Telling> RootKeeper::tell() {
  Roots::Pointer root = roots_.find(Root::Phase::telling);
  if (root == nullptr) {
    root = roots_.find(Root::Phase::untold);
    if (root == nullptr) return std::nullopt;
    roots_.enter(*root, Root::Phase::telling);
    root->cursor = next_below(tree_, root->node, root->node);
  }
  const Telling telling{root->cursor};
  if (telling.node != kNoNode) {
    root->cursor = next_below(tree_, root->cursor, root->node);
  } else {
    roots_.enter(*root, Root::Phase::told);
    if (std::exchange(check_after_telling_, false)) check_now();
  }
  return telling;
}

void RootKeeper::check_covered() {
  for (const Roots::Pointer& root : roots_.all()) {
    if (root->covered && !root->removed) check_covered(*root);
  }
}

// A root that another one covers: its own coming and going is told by notices.
void RootKeeper::check_covered(Root& root) {
  if (!roots_.covered(root)) {
    check_now();
    return;
  }
  const bool stands = roots_.resolve(root.path) != kNoNode;
  if (stands && std::exchange(root.lost, false)) {
    sink_.notice(RootCreatedNotice{root.path});
  } else if (!stands && !root.lost) {
    lose(root);
  }
}

}  // namespace lookout
