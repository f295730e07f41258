// Reads the files that say what git ignores.
//
// In a directory: its .gitignore, if that is no symbolic link (git does not follow one). Where
// .git stands beside it a repository begins, so that nothing counts that stands above; there
// also its info/exclude and core.excludesFile, as /etc/gitconfig, $XDG_CONFIG_HOME/git/config,
// ~/.gitconfig and the repository's own config say, by default $XDG_CONFIG_HOME/git/ignore. A .git
// that is a file leads to the repository (gitrepository-layout(5)). Not followed: `include` in a
// configuration, a configuration of a single work tree, relative paths and `~user`.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "ignore/scope.h"

namespace lookout {

// Bytes; a bigger file does not count and is a failure with EFBIG.
inline constexpr std::size_t kMaxRuleFile = 1024 * 1024;

struct RuleFiles {
  std::string gitignore;  // the content; empty where there is none
  bool repository = false;
  std::string info_exclude;
  std::string excludes_file;

  DirectoryRules rules() const;
  bool operator==(const RuleFiles&) const = default;
};

// A file that is there and cannot be read.
struct RuleFailure {
  std::string file;
  int code;  // errno
};

// The files of an open directory; failures are added under names below it, or absolute ones.
RuleFiles read_rule_files(int directory_fd, std::vector<RuleFailure>& failures);

// What the directories above this one say of it, from the top of the repository that it lies in;
// that they ignore the directory itself does not count.
ScopePtr read_rules_above(const std::string& directory, std::vector<RuleFailure>& failures);

}  // namespace lookout
