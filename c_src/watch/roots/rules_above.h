// The rules of git's files in the directories above a root, from the top of the repository that
// contains the root. Root owns it; RootManager calls it.
//
// They are read and parsed in steps, since a root may be deep and the files of many directories may
// be large. Each step reads the files of some directories, small ones together, or parses a slice
// of a large one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ignore/scope.h"
#include "support/error.h"
#include "watch/disk/remote_mounts.h"
#include "watch/disk/rule_files.h"
#include "watch/model/tree.h"
#include "watch/model/visibility.h"

namespace lookout {

class RulesAbove {
 public:
  RulesAbove(std::string directory, Identity identity)
      : directory_(std::move(directory)), identity_(identity) {}

  // Whether the rules are those of this directory; the path may lead to another one meanwhile.
  bool is_of(const std::string& directory, Identity identity) const {
    return directory_ == directory && identity_ == identity;
  }

  // Does one step. Returns an error if a mount has not answered yet, or because of a transient
  // error: the caller must repeat the step later.
  std::optional<Error> step(const RemoteMounts& mounts, Visibility& visibility);
  bool done() const { return phase_ == Phase::done; }
  // Starts again, since a mount did not answer. Failures that were reported are not reported again.
  void restart();

  // Valid when done() is true.
  const ScopePtr& scope() const { return scope_; }
  // Whether some of the files are on a hung mount; these do not count.
  bool incomplete() const { return incomplete_; }
  // The paths on such mounts, and the files that exist but do not count; each is reported once.
  // Files in the root itself are not included, since they are read with the root.
  std::vector<std::string> take_unanswered() { return std::exchange(unanswered_, {}); }
  std::vector<RuleFailure> take_failures();

 private:
  enum class Phase : std::uint8_t { resolve, search, read, parse, done };

  // Each returns the errno for step(), or 0.
  int next_step(const RemoteMounts& mounts, Visibility& visibility);
  int resolve(const RemoteMounts& mounts);
  int compare(const RemoteMounts& mounts);
  int finish();
  int search(const RemoteMounts& mounts);
  int read(const RemoteMounts& mounts);
  int no_answer(const std::string& name, int code);
  void parse(Visibility& visibility);
  void fail(const std::vector<RuleFailure>& failures);

  const std::string directory_;
  const Identity identity_;
  std::string real_;  // without symbolic links
  std::string at_;    // the current directory: up to the top of the repository, then down again
  Phase phase_ = Phase::resolve;
  RepositoryRules repository_;  // of the top of the repository
  RuleFiles files_;             // of `at_`
  std::size_t bytes_ = 0;       // of all files that were read
  ScopePtr scope_ = Scope::empty();
  bool incomplete_ = false;
  std::vector<std::string> unanswered_;
  std::vector<RuleFailure> failures_;
  std::size_t reported_ = 0;  // how many of failures_ were reported
};

}  // namespace lookout
