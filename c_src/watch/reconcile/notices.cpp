#include "watch/reconcile/notices.h"

#include <cerrno>

#include "support/error.h"
#include "watch/disk/path_walk.h"

namespace lookout {

std::string Notices::path(const DirEntry& place) const {
  return join(tree_.path(place.first), place.second);
}

void Notices::polled(NodeId directory, std::string_view file_system) {
  if (once_.polled(tree_.root_of(directory), tree_.identity(directory).device)) {
    sink_.notice(PolledNotice{tree_.path(directory), std::string(file_system)});
  }
}

void Notices::polled(const DirEntry& place, std::uint64_t device, std::string_view file_system) {
  if (once_.polled(tree_.root_of(place.first), device)) {
    sink_.notice(PolledNotice{path(place), std::string(file_system)});
  }
}

void Notices::watch_limit(NodeId directory) {
  if (once_.too_few_watches(tree_.root_of(directory))) {
    sink_.notice(WatchLimitNotice{tree_.path(directory)});
  }
}

void Notices::watch_limit(const DirEntry& place) {
  if (once_.too_few_watches(tree_.root_of(place.first))) {
    sink_.notice(WatchLimitNotice{path(place)});
  }
}

void Notices::too_many_links(const DirEntry& place) {
  if (once_.too_many_links(tree_.root_of(place.first))) {
    sink_.notice(UnreadableNotice{path(place), errno_name(ELOOP)});
  }
}

void Notices::unwatched(NodeId directory, std::string_view file_system) {
  sink_.notice(UnwatchedNotice{tree_.path(directory), std::string(file_system)});
}

void Notices::unwatched(const DirEntry& place, std::string_view file_system) {
  sink_.notice(UnwatchedNotice{path(place), std::string(file_system)});
}

void Notices::unreadable(NodeId directory, const std::string& reason) {
  if (tree_.has(directory, DirMark::unreadable)) return;
  tree_.set(directory, DirMark::unreadable);
  sink_.notice(UnreadableNotice{tree_.path(directory), reason});
}

void Notices::not_allowed(NodeId directory) {
  sink_.notice(UnreadableNotice{tree_.path(directory), "not_allowed"});
}

void Notices::not_allowed(const DirEntry& place) {
  sink_.notice(UnreadableNotice{path(place), "not_allowed"});
}

void Notices::unanswered(const std::string& path) {
  if (once_.unanswered(path)) sink_.notice(UnreadableNotice{path, errno_name(ETIMEDOUT)});
}

void Notices::unanswered(NodeId directory) {
  if (tree_.is_root(directory)) {
    unanswered(tree_.path(directory));
  } else {
    unanswered(DirEntry{tree_.parent(directory), std::string(tree_.name(directory))});
  }
}

void Notices::unanswered(const DirEntry& place) {
  if (once_.unanswered(place)) sink_.notice(UnreadableNotice{path(place), errno_name(ETIMEDOUT)});
}

void Notices::unreachable(const DirEntry& place, int code) {
  if (once_.unreachable(place)) sink_.notice(UnreadableNotice{path(place), errno_name(code)});
}

void Notices::rules_read(NodeId directory, const std::vector<RuleFailure>& failures) {
  if (failures.empty()) {
    once_.rules_read(directory);
  } else if (once_.rules_unreadable(directory)) {
    for (const RuleFailure& failure : failures) {
      const std::string file = absolute_rule_file(tree_.path(directory), failure.file);
      sink_.notice(UnreadableNotice{file, failure.reason()});
    }
  }
}

}  // namespace lookout
