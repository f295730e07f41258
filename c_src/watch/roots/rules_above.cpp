#include "watch/roots/rules_above.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <utility>
#include <variant>
#include <vector>

#include "support/answered_errno.h"
#include "watch/disk/confinement.h"
#include "watch/disk/disk.h"
#include "watch/disk/path_walk.h"
#include "watch/disk/remote_answer.h"
#include "watch/disk/remote_calls.h"

namespace lookout {
namespace {

// Returns the errno if the files must be read again a little later, otherwise 0. Another process
// may keep a lease on a file (EAGAIN), which is not waited for.
int transient(const std::vector<RuleFailure>& failures) {
  const auto found = std::find_if(failures.begin(), failures.end(), [](const RuleFailure& failure) {
    return failure.code != EAGAIN && is_transient(failure.code);
  });
  return found == failures.end() ? 0 : found->code;
}

}  // namespace

std::optional<Error> RulesAbove::step(const RemoteMounts& mounts, Visibility& visibility) {
  constexpr std::size_t kBytesTogether = 16'384;  // of files that are read and parsed together
  constexpr int kStepsTogether = 128;
  const std::size_t before = bytes_;
  for (int steps = 0; steps < kStepsTogether && !done() && bytes_ - before < kBytesTogether;
       ++steps) {
    const bool parsing = phase_ == Phase::parse;
    if (const int code = next_step(mounts, visibility); code != 0) {
      return errno_error(code, "open", directory_);
    }
    if (parsing && phase_ == Phase::parse) break;
  }
  return std::nullopt;
}

int RulesAbove::next_step(const RemoteMounts& mounts, Visibility& visibility) {
  switch (phase_) {
    case Phase::resolve:
      return resolve(mounts);
    case Phase::search:
      return search(mounts);
    case Phase::read:
      return read(mounts);
    case Phase::parse:
      parse(visibility);
      break;
    case Phase::done:
      break;
  }
  return 0;
}

void RulesAbove::restart() {
  phase_ = Phase::resolve;
  incomplete_ = false;
  unanswered_.clear();
  repository_ = {};
  scope_ = Scope::empty();
}

std::vector<RuleFailure> RulesAbove::take_failures() {
  const auto first = failures_.begin() + static_cast<std::ptrdiff_t>(reported_);
  reported_ = failures_.size();
  return {first, failures_.end()};
}

int RulesAbove::resolve(const RemoteMounts& mounts) {
  const RemoteMounts::Resolved resolved = mounts.resolve(directory_);
  if (resolved.code != 0) return resolved.code;
  if (resolved.too_long) failures_.push_back({directory_, ELOOP});
  real_ = resolved.real;
  at_ = real_;
  return real_.empty() ? finish() : compare(mounts);
}

// If a directory was replaced while the path was resolved, the path may have led elsewhere: the
// files above that do not count, and the files above the root are read again later. If the root
// itself is another directory now, its rules are read again with that directory.
int RulesAbove::compare(const RemoteMounts& mounts) {
  const bool remote = mounts.at(real_) != nullptr;
  const auto answer =
      call_at(mounts, real_, "look", [real = real_, remote]() -> std::variant<FileStatus, int> {
        const UniqueFd fd = open_without_links(real, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (!fd) return remote ? answered(errno) : errno;
        return stat_open_target(fd.get());
      });
  if (const int* code = std::get_if<int>(&answer)) return *code;
  const auto& seen = std::get<std::variant<FileStatus, int>>(answer);
  if (const int* code = std::get_if<int>(&seen); code != nullptr && is_transient(*code))
    return *code;
  const FileStatus* found = std::get_if<FileStatus>(&seen);
  if (found == nullptr || found->identity != identity_) {
    incomplete_ = true;
    return finish();
  }
  phase_ = Phase::search;
  return 0;
}

int RulesAbove::finish() {
  phase_ = Phase::done;
  return 0;
}

int RulesAbove::search(const RemoteMounts& mounts) {
  auto answer = read_repository(mounts, at_);
  if (answer.unanswered) {
    if (const int code = no_answer(".git", answer.unanswered->code()); code != 0) return code;
  }
  if (const int code = transient(answer.failures); code != 0) return code;
  if (at_ != real_) fail(answer.failures);
  repository_ = std::move(answer.rules);
  if (repository_.begins) {
    phase_ = at_ == real_ ? Phase::done : Phase::read;
  } else if (at_ == "/" || !is_allowed_path(parent_of(at_))) {
    phase_ = Phase::done;
  } else {
    at_ = parent_of(at_);
  }
  return 0;
}

int RulesAbove::read(const RemoteMounts& mounts) {
  auto answer = read_gitignore(mounts, at_);
  if (answer.unanswered) {
    if (const int code = no_answer(".gitignore", answer.unanswered->code()); code != 0) return code;
  }
  if (const int code = transient(answer.failures); code != 0) return code;
  fail(answer.failures);
  // Only the top has a repository; none begins in the directories below it.
  files_ = {std::move(answer.rules), std::exchange(repository_, {})};
  for (RuleFile* file :
       {&*files_.gitignore, &files_.repository->info_exclude, &files_.repository->excludes_file}) {
    file->path = absolute_rule_file(at_, file->path);
    bytes_ += file->content.size();
  }
  phase_ = Phase::parse;
  return 0;
}

// Files on a hung mount do not count: waiting for them would delay a root that can be
// read.
int RulesAbove::no_answer(const std::string& name, int code) {
  if (code != ETIMEDOUT) return code;
  incomplete_ = true;
  if (at_ != real_) unanswered_.push_back(join(at_, name));
  return 0;
}

void RulesAbove::parse(Visibility& visibility) {
  if (visibility.parse_step(files_)) return;
  const std::size_t begin = at_ == "/" ? 1 : at_.size() + 1;
  const std::string name = real_.substr(begin, real_.find('/', begin) - begin);
  std::vector<RuleFailure> refused;
  visibility.add_rules_above(scope_, files_, name, refused);
  fail(refused);
  at_ = join(at_, name);
  phase_ = at_ == real_ ? Phase::done : Phase::read;
}

void RulesAbove::fail(const std::vector<RuleFailure>& failures) {
  for (const RuleFailure& failure : failures) {
    if (is_answered(failure.code)) incomplete_ = true;  // no event reports the end of that
    const std::string file = absolute_rule_file(at_, failure.file);
    const bool known = std::any_of(
        failures_.begin(), failures_.end(),
        [&](const RuleFailure& other) { return other.file == file && other.code == failure.code; });
    if (!known) failures_.push_back({file, failure.code});
  }
}

}  // namespace lookout
