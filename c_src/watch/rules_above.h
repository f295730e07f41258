// What git's files in the directories above a root say of it: those from the top of the repository
// that the root lies in.
//
// Read and parsed in steps: each reads the files of some directories, small ones together, or
// parses a slice of a large one. A root may lie deep, and the files of many directories may be
// full.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "ignore/scope.h"
#include "watch/remote_mounts.h"
#include "watch/rule_files.h"
#include "watch/tree.h"
#include "watch/visibility.h"

namespace lookout {

class RulesAbove {
 public:
  RulesAbove(std::string directory, Identity identity)
      : directory_(std::move(directory)), identity_(identity) {}

  // Whether it is of this directory: a path may lead to another one meanwhile.
  bool is_of(const std::string& directory, Identity identity) const {
    return directory_ == directory && identity_ == identity;
  }

  // Does one step. An errno where a mount has not answered yet: the
  // step is to be repeated later.
  int step(const RemoteMounts& mounts, Visibility& visibility);
  bool done() const { return phase_ == Phase::done; }
  // Begins again, since something did not answer. What failed before is not reported again.
  void restart();

  // When it is done.
  const ScopePtr& scope() const { return scope_; }
  // Whether a mount is hung that has some of the files: these do not count.
  bool incomplete() const { return incomplete_; }
  // The paths of such mounts, and files that exist and do not count, each reported once. Those in
  // the directory itself are not meant: they are read with it.
  std::vector<std::string> take_unanswered() { return std::exchange(unanswered_, {}); }
  std::vector<RuleFailure> take_failures();

 private:
  enum class Phase : std::uint8_t { resolve, search, read, parse, done };

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
  std::string at_;    // going up in search of the top of the repository, then down again
  Phase phase_ = Phase::resolve;
  RepositoryRules repository_;  // of the top
  RuleFiles files_;             // of `at_`
  std::size_t bytes_ = 0;       // of all files that were read
  ScopePtr scope_ = Scope::empty();
  bool incomplete_ = false;
  std::vector<std::string> unanswered_;
  std::vector<RuleFailure> failures_;
  std::size_t reported_ = 0;  // of the failures
};

}  // namespace lookout
