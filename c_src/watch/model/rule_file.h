// The files that define what git ignores, as they were read: see disk/rule_files.h.
// read_gitignore() and read_repository() return them; Visibility and RulesAbove take them.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "ignore/rules.h"

namespace lookout {

// Used instead of an errno: a file does not count because of its owner, or because some user may
// write to its directory but not read it.
inline constexpr int kUntrusted = -1;

// A file that exists but does not count.
struct RuleFailure {
  std::string file;
  int code;  // errno or kUntrusted

  std::string reason() const;
};

struct RuleFile {
  std::string path;     // relative to the directory, or absolute
  std::string content;  // empty if the file does not exist
  // Parses its rules in steps; null before the first one.
  std::shared_ptr<RuleParser> parser = nullptr;
};

// The rules of the repository that .git leads to.
struct RepositoryRules {
  bool begins = false;  // a repository begins in the directory
  RuleFile info_exclude;
  RuleFile excludes_file;
};

// The rule files of a directory. nullopt for what cannot be read now: the rules that were read
// before stay in force.
struct RuleFiles {
  std::optional<RuleFile> gitignore;
  std::optional<RepositoryRules> repository;
};

}  // namespace lookout
