#include "watch/reconcile/rule_loader.h"

#include <cerrno>
#include <utility>

#include "support/answered_errno.h"
#include "watch/disk/disk.h"
#include "watch/disk/remote_calls.h"

namespace lookout {

std::optional<int> RuleLoader::load(NodeId directory, const DirectoryFd& fd) {
  if (!visibility_.reads_rules(directory)) return 0;
  if (!load_ || load_->directory != directory) {
    load_.emplace().directory = directory;
    if (const int code = read(directory, fd, *load_); code != 0) {
      load_.reset();
      return code;
    }
  }
  if (visibility_.parse_step(load_->files)) return std::nullopt;
  set(*std::exchange(load_, std::nullopt));
  return 0;
}

int RuleLoader::read(NodeId directory, const DirectoryFd& fd, Load& load) {
  // If a file system is mounted at .gitignore, it needs a watch of its own, even if it is not
  // visible.
  if (mounts_.names_mount(".gitignore")) reader_.read(directory, fd, ".gitignore");
  auto gitignore = read_gitignore(mounts_, fd);
  auto repository = read_repository(mounts_, fd);
  for (const auto& mount : {gitignore.unanswered, repository.unanswered}) {
    if (mount && mount == fd->mount()) return mount->code();
  }
  if (gitignore.unanswered) {
    failures_.rule_file_failed({directory, ".gitignore"}, *gitignore.unanswered);
  } else {
    load.files.gitignore = std::move(gitignore.rules);
  }
  if (repository.unanswered) {
    failures_.rule_file_failed({directory, ".git"}, *repository.unanswered);
  } else {
    load.files.repository = std::move(repository.rules);
  }
  load.failures = std::move(gitignore.failures);
  for (RuleFailure& failure : repository.failures) load.failures.push_back(std::move(failure));
  for (const RuleFailure& failure : load.failures) {
    // Another process has a lease on the file and may keep it (fcntl(2)): the other files do not
    // wait for that, nor for a server that answers with an error.
    if (failure.code == EAGAIN || is_answered(failure.code)) {
      retries_.add_failed({directory, ".gitignore"});
    } else if (is_transient(failure.code)) {
      return failure.code;
    }
  }
  return 0;
}

void RuleLoader::set(Load load) {
  const NodeId directory = load.directory;
  const bool changed = visibility_.set_rules(directory, load.files, load.failures);
  notices_.rules_read(directory, load.failures);
  if (!changed) return;
  if (tree_.first_child(directory) != kNoNode) {
    agenda_.add_all_below(directory);
  } else {
    agenda_.add(directory, false);
  }
  sink_.visibility_changed(directory);
}

void RuleLoader::forget_directory(NodeId directory) {
  if (load_ && load_->directory == directory) load_.reset();
}

}  // namespace lookout
